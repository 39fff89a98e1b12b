"""Folders of a plan that stand for other directories, and what rules add to a layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fileorg.core.names import join
from fileorg.core.tuples import NamedTuple
from fileorg.rules.facts import ContentLookups

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fileorg.content.dates import RefusedDate
    from fileorg.content.dating import DatedBy
    from fileorg.core.model import Base
    from fileorg.rules.matching import RuleSet
    from fileorg.storage.local.storage import LocalStorage

MARK = b"\0"
"""The first byte of a folder that stands for a directory; no real path has it."""


def base_folder(base: Base) -> bytes:
    """Return the path that stands for the directory of a base."""
    return b"%b%d" % (MARK, base)


def real(folder: bytes, default: Base) -> tuple[Base, bytes]:
    """Return the base of a target folder and the path below it."""
    if not folder.startswith(MARK):
        return default, folder
    first, _, rest = folder.partition(b"/")
    return int(first[1:]), rest


class RuleContents(ContentLookups, Protocol):
    """What rules know of the contents of files, and how files are dated."""

    @property
    def refused(self) -> Mapping[tuple[bytes, bytes], Sequence[RefusedDate]]:
        """The dates that are not believed, by folder and name: the first ones."""

    def date_of(self, folder: bytes, name: bytes, mtime_ns: int) -> tuple[int, DatedBy]:
        """Return the date of a file as `Dates.date_of` does."""


class RuleLayout(NamedTuple):
    """What rules add to a layout. `folders` maps the absolute folder of a target to the folder that stands for it."""

    rules: RuleSet
    folders: Mapping[bytes, bytes]
    trash: bytes
    """The trash below the root, as a target folder: see `with_trash`."""
    storages: Sequence[LocalStorage]
    """The directories of the operation, by base."""
    to_be_made: bytes = b""
    """The path of the destination below its directory, if the run makes it."""

    def with_trash(self, trash: bytes) -> RuleLayout:
        """Return the layout with the trash of the operation; before, `trash` stands for the root."""
        return self._replace(trash=join(self.trash, trash))

    def own_folders(self) -> Iterator[bytes]:
        """Yield the folders below the root that rules move files to: what no rule matches stays in them."""
        is_in_root = len(self.storages) < 2 or self.storages[0] is self.storages[1]
        for target, literal in self.rules.literal_folders:
            above = self.folders.get(target.absolute, self.to_be_made if is_in_root else None)
            if above is not None and not above.startswith(MARK) and is_in_root:
                yield join(above, literal) if above and literal else above or literal
