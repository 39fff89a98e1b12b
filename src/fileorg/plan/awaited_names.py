"""Names at a target that no file may get, because of what is beside them: logs of databases, and unfinished downloads.

A program applies to a database the log that has its name, whichever database wrote it; and a download that ends takes
its name from whatever has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.rules.ignore import UNFINISHED
from fileorg.rules.joined_names import EDGE, JoinedNames, occurrences

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDINGS = (b"-wal", b"-shm", b"-journal", b".wal")
"""What follows the name of a database in that of its log."""


def logs_among(names: JoinedNames) -> Iterator[tuple[bytes, bytes]]:
    """Yield each log, and the name of its database."""
    for ending in ENDINGS:
        for at in occurrences(names.low, ending + EDGE):
            name = names.name_at(at)
            if database := name[: -len(ending)]:
                yield name, database


def database_of(name: bytes) -> bytes | None:
    """Return the name of the database whose log may be called `name`, None if that is no name of a log."""
    ending = next((each for each in ENDINGS if name.lower().endswith(each)), None)
    return name[: -len(ending)] or None if ending else None


def downloads_among(names: JoinedNames) -> Iterator[tuple[bytes, bytes]]:
    """Yield each file that may be an unfinished download, and the name that it will have."""
    for name in names.ending_in(UNFINISHED):
        if finished := name.rpartition(b".")[0]:
            yield name, finished
