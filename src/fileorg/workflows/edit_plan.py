"""Plans that are edited before they are applied: of `organize`, of a file, and of the names in folders."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import IO, TYPE_CHECKING, cast

from xxhash import xxh3_128

from fileorg.core.events import NullReporter
from fileorg.core.names import below, is_within, join, scheme_of
from fileorg.plan.edited_plan import MISTAKE, EditedPlan, with_mistakes
from fileorg.plan.given_rows import ETAG, GivenRow, given_rows
from fileorg.report.row_sentences import sentence_of_row
from fileorg.workflows.apply_plan import ApplyOptions, RowsRefused, applying
from fileorg.workflows.guards import existing_folder
from fileorg.workflows.roots import open_root, readable_root, readable_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fileorg.core.row_problems import RowProblem
    from fileorg.core.state import StateDirectory
    from fileorg.storage.object.object_storage import ObjectStorage

_NAME = "plan.txt"


class PlanText:
    """The text of a plan, in a file that an editor changes."""

    def __init__(self, plan: EditedPlan, folder: str) -> None:
        self._plan, self._folder = plan, folder
        self.path = os.path.join(folder, _NAME)
        self.files = plan.files
        self.line = 1
        """The line to begin with: that of the first mistake."""
        self.is_as_before = False
        """True if the last edit has changed nothing but remarks: an editor that nobody looks at."""
        self._edited = b""
        with open(self.path, "wb") as stream:
            plan.write(stream)

    def rows(self, fail: Callable[[RowProblem], None]) -> Iterator[GivenRow]:
        """Yield the rows of the text as it is now: see `applying`."""
        with open(self.path, "rb") as stream:
            yield from self._plan.read(stream, fail)

    def has_mistakes(self, options: ApplyOptions, state: StateDirectory) -> list[RowProblem]:
        """Check the text; write the reason above each faulty line. Raises like `applying`."""
        edited = without_remarks(self.path)
        self.is_as_before, self._edited = edited == self._edited, edited
        checked = options._replace(partial=False, max_changes=None)
        try:
            with applying(checked, self.rows, state, NullReporter(), changes=False) as run:
                run.check()
        except RowsRefused as refused:
            said: dict[int, str] = {}
            for problem in refused.problems:
                said.setdefault(problem.line, sentence_of_row(problem))
            again = self.path + ".part"
            with open(self.path, "rb") as old, open(again, "wb") as new:
                self.line = with_mistakes(old, new, said)
            os.replace(again, self.path)
            return list(refused.problems)
        return []


def without_remarks(path: str) -> bytes:
    """Return a digest of a text without the remarks on its mistakes."""
    digest = xxh3_128()
    with open(path, "rb") as stream:
        for line in stream:
            if not line.startswith(MISTAKE):
                digest.update(line)
    return digest.digest()


@contextlib.contextmanager
def plan_text(rows: Iterable[GivenRow], root: bytes) -> Iterator[PlanText]:
    """Write a plan as a text into a private folder, which is removed at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="fileorg-") as folder, contextlib.closing(EditedPlan(rows, root)) as plan:
        yield PlanText(plan, folder)


def rows_of_lines(lines: Iterable[str]) -> Iterator[GivenRow]:
    """Return the rows of lines of JSON that fileorg has made. The lines are read now, the rows when they are asked."""
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  open until the process ends
    for line in lines:
        file.write(line.encode() + b"\n")
    file.seek(0)
    return given_rows(file, lambda _: None)


class NamesToEdit:
    """The names in folders and stores, and single files, each as a row that changes nothing yet."""

    def __init__(self, paths: Sequence[bytes], *, recursive: bool, hidden: bool) -> None:
        """Raises `UsageError` for a path that does not exist, or a store that cannot be changed; `OSError`."""
        self._recursive, self._hidden = recursive, hidden
        self._places: list[tuple[bytes, bytes | None]] = []
        for path in paths:
            if scheme_of(path):
                self._places.append(_place_in_store(path))
            elif os.path.isdir(path) or not os.path.lexists(path):
                self._places.append((existing_folder(path), None))
            else:
                above, name = os.path.split(os.path.normpath(path))
                self._places.append((existing_folder(above or b"."), name))
        folders = sorted({folder for folder, _ in self._places})
        self.roots = [
            folder for folder in folders if not any(folder != other and is_within(folder, other) for other in folders)
        ]
        """The folders that all of the files are in."""

    def rows(self) -> Iterator[GivenRow]:
        """Yield the rows, in the order of names. Raises `UsageError`, `OSError`."""
        for folder, name in self._places:
            if scheme_of(folder):
                yield from self._objects(folder, name)
            elif name is not None:
                yield _unchanged(os.path.join(folder, name))
            elif self._recursive:
                yield from map(_unchanged, self._below(folder))
            else:
                yield from (_unchanged(os.path.join(folder, each)) for each in self._names(folder))

    def _names(self, folder: bytes) -> list[bytes]:
        return sorted(name for name in os.listdir(folder) if self._is_shown(name))

    def _is_shown(self, name: bytes) -> bool:
        return self._hidden or not name.startswith(b".")

    def _below(self, folder: bytes) -> Iterator[bytes]:
        for name in self._names(folder):
            path = os.path.join(folder, name)
            if not os.path.isdir(path) or os.path.islink(path):
                yield path
            else:
                yield from self._below(path)

    def _objects(self, url: bytes, name: bytes | None) -> Iterator[GivenRow]:
        """Yield the rows of a folder of a store, or of one object in it. Each object must still have its ETag when the
        plan is applied.
        """
        with contextlib.ExitStack() as stack:
            storage = cast("ObjectStorage", readable_storage(stack, url))
            storage.lists_all = self._recursive and name is None
            if name is None:
                yield from self._below_in(storage, b"")
            else:
                there = storage.head(b"", name)
                yield _unchanged(below(url, name), "" if there is None else there.etag)

    def _below_in(self, storage: ObjectStorage, folder: bytes) -> Iterator[GivenRow]:
        objects, prefixes = set[bytes](), set[bytes]()
        for listing in storage.list_folder(folder):
            objects.update(entry.name for entry in listing.files if self._is_shown(entry.name))
            prefixes.update(entry.name for entry in listing.folders if self._is_shown(entry.name))
        for name in sorted(objects | prefixes):
            path = below(storage.root, join(folder, name))
            if name in objects:
                known = storage.listed(folder, name)
                yield _unchanged(path, "" if known is None else known.etag)
            if name in prefixes and self._recursive:
                yield from self._below_in(storage, join(folder, name))
            elif name in prefixes:
                yield _unchanged(path + b"/" if name in objects else path)  # without the slash, it is the object


def _place_in_store(url: bytes) -> tuple[bytes, bytes | None]:
    """Return the URL of a folder and None, or that of the folder of an object and its name. Raises `UsageError`."""
    from fileorg.workflows.stores import check_changeable

    path = readable_root(url)
    check_changeable(path)
    above, name = os.path.split(path)
    if url.endswith(b"/") or not scheme_of(above):
        return path, None
    with contextlib.ExitStack() as stack:
        there = open_root(stack, above).lstat(b"", name)
    return (path, None) if there is None or there.is_folder else (above, name)


def _unchanged(path: bytes, etag: str = "") -> GivenRow:
    return GivenRow(0, path, path, digest=(ETAG, etag) if etag else None)
