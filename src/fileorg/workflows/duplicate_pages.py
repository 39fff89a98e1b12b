"""Pages of duplicate groups: those that the last `fileorg dedupe` found, or those of an operation. Changes nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from fileorg.core.formats import named
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fileorg.core.state import StateDirectory


class GroupOnPage(NamedTuple):
    """A group on a page: the first file is the keeper. Size in bytes."""

    hash: str | None
    size: int
    number: int
    files: list[tuple[bytes, str]]
    """Absolute paths, with the role or the result of each file."""

    def as_json(self) -> dict[str, Any]:
        """Return the group for programs."""
        return {
            "hash": self.hash,
            "count": self.number,
            "total_size_bytes": self.size * self.number,
            "files": [{**named("path", path), "size_bytes": self.size, "status": role} for path, role in self.files],
        }


@contextlib.contextmanager
def groups_on_page(
    state: StateDirectory, operation: int | None, page: tuple[int, int]
) -> Iterator[tuple[int, Iterable[GroupOnPage]]]:
    """Yield the number of groups, and the groups of a page: its number, from 1, and its size; valid until the block
    ends. Without `operation`, those that the last dedupe found. Raises `FileorgError`.
    """
    if operation is None:
        from fileorg.workflows.dedupe import last_found

        number, size = page
        with last_found(state) as found:
            groups = (
                (group.group, [found.trees.path(member) for member in group.listed])
                for group in found.page((number - 1) * size, size)
            )
            yield (
                found.total,
                (
                    GroupOnPage(
                        group.digest.hex(),
                        group.size,
                        len(paths),
                        list(zip(paths, ["keeper", *["duplicate"] * (len(paths) - 1)], strict=True)),
                    )
                    for group, paths in groups
                ),
            )
        return
    from fileorg.workflows.reports import groups_page

    total, done = groups_page(operation, page, state)
    yield (
        total,
        (GroupOnPage(None, size, count + 1, [(keeper, "keeper"), *copies]) for keeper, size, _, count, copies in done),
    )
