"""Output of the rows of a plan, for people and programs. A dry run shows exactly the rows that a run carries out."""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from fileorg.core.batches import without_steps
from fileorg.core.formats import JsonDocument, named, write_null
from fileorg.core.model import FOLDER_ACTIONS, MOVED_FOLDER, ON_DUPLICATES, ON_SYMLINKS, REMOVALS, Action
from fileorg.core.names import below, display, join
from fileorg.report.records import plan_row_fields
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fileorg.cli.terminal import Out
    from fileorg.core.model import Base, Keeper, Plan, PlanRow

T = TypeVar("T")

_ROWS = 4096
_TURNS = {Action.MAKE_FOLDER: b"0/", Action.REMOVE_FOLDER: b"2/"}
"""Put before the paths of folders, so that they sort before and after those of files."""


class PlanRows:
    """The rows of a plan. Paths are relative to the root, or absolute for a base in `elsewhere`."""

    def __init__(
        self,
        plan: Plan,
        elsewhere: Mapping[Base, bytes],
        stays: Callable[[], Iterable[tuple[bytes, str, str]]] = lambda: (),
        *,
        root: bytes,
    ) -> None:
        """`root` is the absolute path of the other bases. `stays` returns path, reason and code of the reason of each
        entry to list that stays and has no row.
        """
        self._plan = plan
        self._elsewhere = elsewhere
        self._stays = stays
        self._root = root

    def _all_rows(self) -> Iterator[PlanRow]:
        return without_steps(chain.from_iterable(self._plan.batches(_ROWS)))

    def _files(self) -> Iterator[PlanRow]:
        """Return the rows of files and of folders that the plan is about; intermediate folders have no category."""
        return (row for row in self._all_rows() if row.action not in FOLDER_ACTIONS or row.category)

    def _moves(self) -> Iterator[PlanRow]:
        """Return the rows that move a file: not the rewritten symlinks, which keep their path, nor skipped rows."""
        return (row for row in self._files() if row.action not in ON_SYMLINKS and not row.reason)

    def place(self, base: Base, path: bytes) -> bytes:
        return os.path.join(self._elsewhere[base], path) if base in self._elsewhere else path

    def _source(self, row: PlanRow) -> bytes:
        return self.place(row.source_base, join(row.source_folder, row.source_name))

    def _target(self, row: PlanRow) -> bytes:
        return self.place(row.target_base, join(row.target_folder, row.target_name))

    def list(self, out: Out) -> None:
        """Print each change as `source -> target`, and each skipped file with the reason, in path order."""
        out.many(self.lines(out))

    def lines(self, out: Out) -> Iterator[str]:
        """Return the lines of `list`."""
        rows = ((self._path(row), self._line(out, row)) for row in self._files())
        stays = ((path, self._stay_line(out, path, reason)) for path, reason, _ in self._stays())
        return _in_path_order(chain(rows, stays))

    def _path(self, row: PlanRow) -> bytes:
        """Return the path by which a listing sorts the row: the one that exists before the change."""
        is_new = row.action in FOLDER_ACTIONS or row.action in REMOVALS
        return self._target(row) if is_new else self._source(row)

    @staticmethod
    def _stay_line(out: Out, path: bytes, reason: str) -> str:
        return f"{display(path or b'.')} {out.styled(f'left in place: {reason}', 'yellow')}"

    def _line(self, out: Out, row: PlanRow) -> str:
        source, target = display(self._source(row)), display(self._target(row))
        if row.action in FOLDER_ACTIONS:
            done = "made" if row.action is Action.MAKE_FOLDER else "removed"
            if row.category == MOVED_FOLDER:
                done = "moved back" if row.action is Action.MAKE_FOLDER else "moved"
            return f"{target}/ {out.styled(f'skipped: {sentence(row.reason)}' if row.reason else done, 'yellow')}"
        if row.reason:
            return f"{source} {out.styled(f'skipped: {sentence(row.reason)}', 'yellow')}"
        if row.action in REMOVALS:
            return f"{target} {out.styled('removed', 'yellow')}, the {row.action.removeprefix('remove-')} of {source}"
        if row.action in ON_SYMLINKS:
            return f"{source} {out.styled('points to', 'dim')} {display(self._leads_to(row))}"
        same = ""
        if row.action in ON_DUPLICATES:
            same = f" {out.styled(f'(same as {display(self._keeper(row.keeper))})', 'dim')}"
        if row.action is Action.REFLINK:
            return source + same
        return f"{source} {out.styled('->', 'dim')} {target}{same}"

    def _leads_to(self, row: PlanRow) -> bytes:
        """Return the new path of the file that a symlink leads to."""
        return self._keeper(row.keeper) if row.action is Action.REWRITE_SYMLINK else b"its file as before"

    def _keeper(self, keeper: Keeper | None) -> bytes:
        return b"" if keeper is None else self.place(keeper.base, join(keeper.folder, keeper.name))

    def as_json(self, document: JsonDocument) -> None:
        """Write every row in path order: folders to be made, then files, then folders to be removed; then the entries
        that stay, if they were asked for.
        """
        rows = (
            (_TURNS.get(row.action, b"1/") + self._path(row), plan_row_fields(row, self._absolute))
            for row in self._all_rows()
        )
        document.rows("rows", _in_path_order(rows))
        stays = _in_path_order(
            (
                path,
                {
                    **named("path", os.path.join(self._root, path) if path else self._root),
                    "reason": reason,
                    "reason_code": code,
                },
            )
            for path, reason, code in self._stays()
        )
        if (first := next(stays, None)) is not None:
            document.rows("stays", chain([first], stays))

    def _absolute(self, base: Base, path: bytes) -> bytes:
        return below(self._elsewhere.get(base, self._root), path)

    def as_null(self, out: Out) -> None:
        """Write source and target alternately, unescaped; a removed file has an empty target."""
        pairs = _in_path_order((self._path(row), self._pair(row)) for row in self._moves())
        write_null(out.stream, chain.from_iterable(pairs))

    def _pair(self, row: PlanRow) -> tuple[bytes, bytes]:
        if row.action is Action.MAKE_FOLDER:
            return b"", self._target(row)
        if row.action in REMOVALS or row.action is Action.REMOVE_FOLDER:
            return self._target(row), b""
        return self._source(row), self._target(row)


def _in_path_order(items: Iterable[tuple[bytes, T]]) -> Iterator[T]:
    from fileorg.core.sorting import in_path_order  # most runs list nothing

    return in_path_order(items)
