"""Categories of files by name; `scan.classifier` confirms ambiguous ones by content."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from xxhash import xxh3_128

from fileorg.core.errors import UsageError
from fileorg.core.memo import Memo
from fileorg.core.model import LookInto
from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple
from fileorg.rules.extensions import CATEGORIES, OTHER, extension_start
from fileorg.rules.heads import DOUBTFUL, is_weak

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fileorg.rules.config import Configuration

# More than the distinct suffixes of any normal tree; random suffixes cost time, but no memory.
_MEMO_ENTRIES = 4096


class Evidence(NamedTuple):
    """The category of a file and the reason: `rule` is for users, in one line that is safe to print."""

    category: str
    extension: bytes
    rule: str


class Rules:
    """A mapping from extensions to categories. `categories` keeps the order of the mapping and always includes `Other`.

    `fingerprint` (16 bytes) changes with the mapping: an index with another one is outdated.
    """

    categories: tuple[str, ...]
    fingerprint: bytes
    look_into = LookInto.NONE
    without_extension: str | None = OTHER
    """The category of names without an extension, None if it depends on the content."""

    def __init__(
        self, extensions: Mapping[str, Sequence[bytes]] = CATEGORIES, certain: frozenset[bytes] = frozenset()
    ) -> None:
        """Take extensions in lower case, without their first dot; the `certain` ones need no confirmation by content.

        Raises `UsageError` for an extension in two categories.
        """
        self.categories = (*extensions, *(() if OTHER in extensions else (OTHER,)))
        self._by_extension: dict[bytes, str] = {}
        for category, members in extensions.items():
            for extension in members:
                other = self._by_extension.setdefault(extension, category)
                if other != category:
                    raise UsageError(f"the extension .{display(extension)} is in both {other} and {category}")
        self._doubtful = DOUBTFUL - certain
        self._certain = certain
        self._compound = frozenset(each for each in self._by_extension if b"." in each)
        # The last part alone is not enough: `.gz` is an archive, `.csv.gz` is data.
        self._undecided = self._doubtful.union(
            tail
            for each in self._compound
            for tail in (each.rpartition(b".")[2],)
            if self._by_extension.get(tail, OTHER) != self._by_extension[each]
        )
        self._memo: Memo[bytes, str] = Memo(_MEMO_ENTRIES)
        facts = [(category, sorted(extensions.get(category, ()))) for category in self.categories]
        self.fingerprint = xxh3_128(repr((facts, sorted(certain))).encode()).digest()

    def asking(self, look_into: LookInto) -> Rules:
        """Return the same rules, which leave the category of unknown names, or of all names, to the content."""
        if look_into is LookInto.NONE:
            return self
        rules = Rules.__new__(Rules)
        rules.__dict__.update(self.__dict__ | {"look_into": look_into, "without_extension": None})
        rules.__dict__["_memo"] = Memo(_MEMO_ENTRIES)
        return rules

    @classmethod
    @cache
    def default(cls) -> Rules:
        """Return the rules of `extensions.CATEGORIES`, built once."""
        return cls()

    @classmethod
    def of(cls, configuration: Configuration | None) -> Rules:
        """Return the rules with the categories of a configuration."""
        if configuration is None or not configuration.categories:
            return cls.default()
        from fileorg.rules.category_changes import with_changes

        claimed = (extension for each in configuration.categories for extension in (*each.extensions, *each.taken))
        return cls(with_changes(configuration.categories), frozenset(claimed))

    def is_doubtful(self, extension: bytes) -> bool:
        """Return whether the category of the extension depends on the content."""
        return extension in self._doubtful

    def is_weak(self, extension: bytes) -> bool:
        """Return whether the extension is digits or one letter, part of the name unless its category is confirmed."""
        return is_weak(extension) and extension not in self._certain

    def category_of(self, name: bytes) -> str | None:
        """Return the category of `name`: `Other` for an unknown extension, None if it depends on the content. Called
        once per file.
        """
        dot = name.rfind(b".")
        if dot > 0:
            category = self._memo.get(name[dot:])
            return self._look_up(name) if category is None else category
        return self.without_extension

    def by_extension(self, extension: bytes) -> str:
        """Return the category of an extension, in lower case and without its first dot; `Other` if it is unknown."""
        return self._by_extension.get(extension, OTHER)

    def by_suffix(self, suffix: bytes) -> str | None:
        """Return the category of all names with this suffix, dot included; None if not cached or undecided."""
        return self._memo.get(suffix)

    def _look_up(self, name: bytes) -> str | None:
        extension = self.extension_of(name)
        if extension in self._doubtful and extension in self._by_extension:
            return None
        category = self._by_extension.get(extension, OTHER)
        if self.look_into is not LookInto.NONE and (category == OTHER or self.look_into is LookInto.ALL):
            return None
        tail = extension.rpartition(b".")[2]
        if tail and tail not in self._undecided:
            self._memo[name[-len(tail) - 1 :]] = category
        return category

    def extension_of(self, name: bytes) -> bytes:
        """Return the extension in lower case without its first dot; empty if there is none.

        `A.TAR.GZ` has `tar.gz`; `.bashrc`, `archive.` and `Dr. Who` have none.
        """
        return name[extension_start(name, self._compound) + 1 :].lower()

    def evidence(self, name: bytes) -> Evidence:
        """Return the category of `name` and the rule for it, assuming that ambiguous content agrees."""
        extension = self.extension_of(name)
        category = self._by_extension.get(extension)
        if category is not None:
            return Evidence(category, extension, f"extension .{display(extension)}")
        rule = f"unknown extension .{display(extension)}" if extension else "no extension"
        return Evidence(OTHER, extension, rule)
