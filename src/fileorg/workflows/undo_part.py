"""The part of operations to undo: the chosen files, what belongs to them, and later operations on the same files."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.model import LaterFiles
from fileorg.core.names import below, display, is_within, join, scheme_of
from fileorg.core.tuples import NamedTuple
from fileorg.rules.globs import Glob
from fileorg.workflows.history import absolute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Base
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation, RecordedFolder
    from fileorg.workflows.order import Order

_WILDCARDS = frozenset("*?[")


class UndoPart(NamedTuple):
    """The files to undo: those that match a pattern, by where they are now or were, and are of a category, if any are
    given. Patterns are relative to `here`, or to a directory of the operation.

    `targets` are the operations whose files are chosen; others are undone only as far as these need it.
    """

    patterns: Sequence[bytes] = ()
    here: bytes = b"/"
    categories: Sequence[str] = ()
    later: LaterFiles | None = None
    targets: Sequence[int] = ()

    def facts(self) -> dict[str, Any]:
        """Return what an operation keeps of its part for display."""
        return {"patterns": [display(text) for text in self.patterns], "categories": [*self.categories]}


class PartStep(NamedTuple):
    """An operation to undo in part, and the number of its files. `is_later`: only because another step needs it."""

    operation: Operation
    files: int
    size_bytes: int
    is_later: bool


class PartPlan(NamedTuple):
    """The steps, newest first; `hindered` is the number of chosen files that later operations moved or used."""

    steps: list[PartStep]
    hindered: int

    @property
    def later(self) -> list[PartStep]:
        return [step for step in self.steps if step.is_later]


def plan_part(journal: Journal, targets: Sequence[Operation], part: UndoPart, order: Order) -> PartPlan:
    """Select the records of a part in the journal's selection.

    Raises `UsageError` for a pattern or a category that no file of the operations matches.
    """
    _choose(journal, targets, part)
    selection = journal.selection
    chosen = {each.id for each in targets}
    known = [each for each in reversed(journal.operations()) if each.id >= min(chosen)]
    selection.widen()
    met: list[Operation] = []
    for operation in known:
        if not selection.has_any(operation, selection.WIDER):
            continue
        selection.complete(operation, selection.WIDER)
        met.append(operation)
        later = order.later(operation)
        for related in order.related(operation, later, selection.WIDER):
            hinders = order.is_in_the_way(related)
            selection.note_need(related.record or 0, operation.id, related.later, hinders=hinders)
    for operation in reversed(met):
        selection.follow_needs(operation)
    for operation in targets:
        selection.complete(operation)
    hindered = sum(selection.hindered(operation) for operation in targets)
    if part.later is LaterFiles.LEAVE:
        for operation in targets:  # newest first: what stays keeps others from going
            selection.leave_hindered(operation)
    else:
        for operation in met:
            if selection.has_any(operation):
                selection.complete(operation)
                selection.add_needed(operation)
    steps = [
        PartStep(each, *selection.counts(each), is_later=each.id not in chosen)
        for each in reversed(met)
        if selection.has_any(each)
    ]
    return PartPlan(steps, hindered)


def _choose(journal: Journal, targets: Sequence[Operation], part: UndoPart) -> None:
    selection = journal.selection
    selection.begin()
    missed = set(range(len(part.patterns)))
    categories = set(map(_folded, part.categories))
    known = set[str]()
    for operation in targets:
        roots = [root.path for root in journal.roots(operation)]
        patterns = [Pattern(text, part.here, roots) for text in part.patterns]

        def is_chosen(
            source: RecordedFolder,
            source_name: bytes,
            target: RecordedFolder,
            target_name: bytes,
            category: str,
            patterns: Sequence[Pattern] = patterns,
        ) -> bool:
            if categories and _folded(category) not in categories:
                return False
            known.add(_folded(category))
            found = not patterns
            for number, pattern in enumerate(patterns):
                if (not found or number in missed) and (
                    pattern.fits(*source, source_name) or pattern.fits(*target, target_name)
                ):
                    found = True
                    missed.discard(number)
            return found

        selection.choose(operation, is_chosen)
    numbers = " and ".join(str(each.id) for each in reversed(targets))
    which = f"operation{'s' if len(targets) > 1 else ''} {numbers}"
    hint = f"fileorg files {targets[0].id} lists its files"
    if absent := sorted(categories - known):
        name = next(each for each in part.categories if _folded(each) == absent[0])
        raise UsageError(f"No file of {which} is in the category {display(name)}.", hint=hint, code=ErrorCode.BAD_VALUE)
    if missed:
        raise UsageError(
            f"No file of {which} matches {display(part.patterns[min(missed)])}.", hint=hint, code=ErrorCode.BAD_VALUE
        )


def _folded(category: str) -> str:
    """Return the name of a category for a comparison: `Disk-images` is one word of a command line."""
    return category.casefold().replace("-", " ")


def pattern_of(path: bytes) -> bytes:
    """Return the pattern that fits only a path, with all below it: a name may have wildcards."""
    if _WILDCARDS.isdisjoint(os.fsdecode(path)):
        return path
    return re.sub(rb"[*?\[\s]", rb"[\g<0>]", path.replace(b"\\", b"\\\\"))


class Pattern:
    """A path or a glob, for the files of one operation with the directories `roots`.

    A path matches itself and everything below it. It is relative to the current directory, or if that leads out of the
    operation's directories, to each of these.
    """

    def __init__(self, text: bytes, here: bytes, roots: Sequence[bytes]) -> None:
        self._roots = roots
        path = text if scheme_of(text) else absolute(os.path.join(here, text))
        is_there = any(is_within(path, root) or is_within(root, path) for root in roots)
        inside = os.path.normpath(text)
        self._paths = [path] if is_there else [root if inside == b"." else below(root, inside) for root in roots]
        self._globs: dict[Base, Glob] = {}
        self._cache: dict[tuple[Base, bytes], tuple[bool, tuple[str, ...]]] = {}
        words = os.fsdecode(text)
        if _WILDCARDS.isdisjoint(words):
            return
        for base, root in enumerate(roots):
            if (glob := _relative(words, path, root, is_there=is_there)) is not None:
                with contextlib.suppress(ValueError):  # a name with a bracket is no glob
                    self._globs[base] = Glob(glob, whole=True)

    def fits(self, base: Base, folder: bytes, name: bytes) -> bool:
        """Return whether a file or a folder of the operation matches."""
        if (known := self._cache.get((base, folder))) is None:
            if len(self._cache) > _CACHED_FOLDERS:
                self._cache.clear()
            place = below(self._roots[base], folder)
            above = tuple(os.fsdecode(folder).split("/")) if folder else ()
            known = self._cache[base, folder] = any(is_within(place, path) for path in self._paths), above
        is_inside, above = known
        if is_inside:
            return True
        if base in self._globs and self._globs[base].fits(above, os.fsdecode(name)):
            return True
        place = below(self._roots[base], join(folder, name))
        return place in self._paths


_CACHED_FOLDERS = 20_000


def _relative(words: str, path: bytes, root: bytes, *, is_there: bool) -> str | None:
    """Return a glob relative to a directory of the operation, None if it leads elsewhere."""
    if "/" not in words.rstrip("/"):
        return words
    if not is_there:
        return None if words.startswith("/") else words
    if not is_within(path, root) or path == root:
        return None
    slash = "/" if words.endswith("/") else ""
    return "/" + os.fsdecode(path[len(root.rstrip(b"/")) + 1 :]) + slash
