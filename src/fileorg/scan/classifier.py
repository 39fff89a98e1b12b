"""The category of a file: by its name, or by its first bytes or neighbours if the name is ambiguous."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from fileorg.core.model import LookInto
from fileorg.core.names import display
from fileorg.rules.classify import Evidence
from fileorg.rules.extensions import OTHER
from fileorg.rules.heads import HEAD_BYTES, agrees, neighbours, second_meaning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.index.columns import FileBatch
    from fileorg.rules.classify import Rules
    from fileorg.storage.base import Storage


_TINY_BYTES = 8
"""Smaller files go by their name: no format is told by less."""


class Contents(Protocol):
    """What files are by their content."""

    def evidence(self, folder: bytes, name: bytes, claimed: Evidence) -> Evidence | None:
        """Return the category of a file by its content, too; None if it is not known. `claimed` is that by name."""


class GatheredContents(Contents, Protocol):
    """What files are by their content, as far as it is known: what is asked and missing is read by `gather`."""

    is_missing: bool
    """True if an answer since this was last set to False was not known yet."""

    def gather(self, reporter: Reporter) -> None:
        """Read what is missing."""


class LateContents:
    """`GatheredContents` that are opened when the first file is asked about: most runs ask about none."""

    def __init__(self, open_contents: Callable[[], GatheredContents]) -> None:
        self._open_contents = open_contents
        self._opened: GatheredContents | None = None

    @property
    def opened(self) -> GatheredContents:
        if self._opened is None:
            self._opened = self._open_contents()
        return self._opened

    @property
    def is_missing(self) -> bool:
        return self._opened is not None and self._opened.is_missing

    @is_missing.setter
    def is_missing(self, value: bool) -> None:
        if self._opened is not None:
            self._opened.is_missing = value

    def evidence(self, folder: bytes, name: bytes, claimed: Evidence) -> Evidence | None:
        return self.opened.evidence(folder, name, claimed)

    def gather(self, reporter: Reporter) -> None:
        self.opened.gather(reporter)


class Classifier:
    """The categories of files in one tree. A file is read only if `Rules` leave its category to its content."""

    def __init__(self, rules: Rules, storage: Storage | None, contents: Contents | None = None) -> None:
        """Without a storage, as for a tree that is gone, ambiguous files are `Other`.

        `contents` is asked if the rules leave more to the content: see `Rules.asking`.
        """
        self._rules = rules
        self._contents = None if rules.look_into is LookInto.NONE else contents
        self._storage = storage

    def category_of(self, folder: bytes, name: bytes) -> str:
        """Return the category of a file; `Other` if no rule matches or it cannot be read."""
        category = self._rules.category_of(name)
        return self.evidence(folder, name).category if category is None else category

    def categories_of(self, batch: FileBatch) -> list[str]:
        """Return the category of each file; a follower has that of its leader."""
        names = _leading_names(batch)
        categories = list(map(self._rules.category_of, names))
        if None in categories:
            return [
                self.evidence(batch.folder, name).category if category is None else category
                for name, category in zip(names, categories, strict=True)
            ]
        return cast("list[str]", categories)

    def known_categories_of(self, batch: FileBatch, contents: LateContents) -> list[str | None]:
        """Return the same, but None for files whose content is not known yet."""
        names = _leading_names(batch)
        categories = list(map(self._rules.category_of, names))
        if None in categories:
            for position, category in enumerate(categories):
                if category is None:
                    contents.is_missing = False
                    found = self.evidence(batch.folder, names[position]).category
                    categories[position] = None if contents.is_missing else found
        return categories

    def categories_at(self, batch: FileBatch, positions: Sequence[int]) -> list[str | None]:
        """Return the categories of the files at these positions, and None for all others."""
        names = _leading_names(batch)
        categories: list[str | None] = [None] * batch.files
        for position in positions:
            categories[position] = self.category_of(batch.folder, names[position])
        return categories

    def evidences_of(self, batch: FileBatch) -> Iterator[Evidence]:
        """Yield the category of each file, and why."""
        leaders = batch.followers()
        for position, name in enumerate(batch.split_names()):
            yield self.evidence_with(batch.folder, name, leaders.get(position))

    def evidence_with(self, folder: bytes, name: bytes, leader: bytes | None) -> Evidence:
        """Return the category of a file and why; a follower has that of its leader."""
        if leader is None or leader == name:
            return self.evidence(folder, name)
        rule = f"goes with {display(leader)}"
        return Evidence(self.category_of(folder, leader), self._rules.extension_of(name), rule)

    def extension_of(self, folder: bytes, name: bytes) -> bytes:
        """Return the extension as `Rules.extension_of`; empty if digits or a letter after a dot belong to the name."""
        extension = self._rules.extension_of(name)
        return self.evidence(folder, name).extension if self._rules.is_weak(extension) else extension

    def evidence(self, folder: bytes, name: bytes) -> Evidence:
        """Return the category of a file and the rule that gave it."""
        claimed = self._rules.evidence(name)
        if claimed.category == OTHER:
            unknown = claimed._replace(extension=b"") if self._rules.is_weak(claimed.extension) else claimed
            return self._by_content(folder, name, unknown)
        if not self._rules.is_doubtful(claimed.extension):
            return self._by_content(folder, name, claimed) if self._rules.look_into is LookInto.ALL else claimed
        category = self._confirmed(folder, name, claimed)
        if category is not None:
            return claimed._replace(category=category, rule=f"{claimed.rule} and content")
        extension = b"" if self._rules.is_weak(claimed.extension) else claimed.extension
        unknown = claimed._replace(category=OTHER, extension=extension, rule=f"{claimed.rule}, but other content")
        return self._by_content(folder, name, unknown)

    def _by_content(self, folder: bytes, name: bytes, claimed: Evidence) -> Evidence:
        if self._contents is None or self._storage is None:
            return claimed
        entry = self._storage.lstat(folder, name)
        if entry is None or entry.size < _TINY_BYTES:
            return claimed
        return self._contents.evidence(folder, name, claimed) or claimed

    def _confirmed(self, folder: bytes, name: bytes, claimed: Evidence) -> str | None:
        """Return the category that neighbours or the content confirm for an ambiguous extension, None if none."""
        if self._storage is None:
            return None
        extension = claimed.extension
        stem = name[: -len(extension)]
        try:
            for beside in neighbours(extension):
                for suffix in (beside, beside.upper()):
                    entry = self._storage.lstat(folder, stem + suffix)
                    if entry is not None and entry.is_file:
                        return claimed.category
            head = b""
            with self._storage.open_read(folder, name) as file:
                while len(head) < HEAD_BYTES and (more := file.read(HEAD_BYTES - len(head))):
                    head += more
        except OSError:
            return None
        if agrees(extension, head):
            return claimed.category
        category = second_meaning(extension, head)
        return category if category in self._rules.categories else None


def _leading_names(batch: FileBatch) -> list[bytes]:
    """Return the name of each file, and for a follower that of its leader."""
    names = batch.split_names()
    for position, leader in batch.followers().items():
        names[position] = leader
    return names
