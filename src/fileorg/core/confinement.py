"""The folders that this process may work in, if it works for somebody who may use no others, and who that is.

Both are in the environment, so that helpers and jobs in the background inherit them whatever starts them.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, GuardRefused
from fileorg.core.model import CLIENT, WITHIN
from fileorg.core.names import display, is_within
from fileorg.core.trusted import folders_above, identity
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_CLIENT = 60


class AllowedFolder(NamedTuple):
    """A folder that may be used, with all below it. The device and inode numbers decide, not the path."""

    path: bytes
    dev: int
    inode: int


class Outside(GuardRefused):
    """Raised for a path that is not in the allowed folders, whether it exists or not."""

    code = ErrorCode.OUTSIDE
    hint = "choose a path in the folders that may be used"

    def __init__(self, path: bytes) -> None:
        super().__init__(f"{display(path)} is not in a folder that may be used here.", path=path)


class Replaced(Outside):
    """Raised for a path below an allowed folder if another folder is at the path of that by now, as of another disk."""

    code = ErrorCode.ANOTHER_FOLDER
    hint = "mount its disk again, or start the server again"

    def __init__(self, path: bytes) -> None:
        super().__init__(path)
        self.args = (f"Another folder is at {display(path)} than when this server was started.",)


def confined_to(folders: Sequence[AllowedFolder], client: str = "") -> dict[str, str]:
    """Return the environment of a process that may use only these folders, and works for `client`."""
    import json

    return {WITHIN: json.dumps([(os.fsdecode(path), dev, inode) for path, dev, inode in folders]), CLIENT: client}


def client() -> str:
    """Return the name of the program that asked for what this process does, empty for a person."""
    return client_name(os.environ.get(CLIENT, ""))


def client_name(text: str) -> str:
    """Return the name that a program gives itself as one short printable line."""
    return display(" ".join(text.split()))[:_LONGEST_CLIENT].strip()


def allowed_folders() -> Sequence[AllowedFolder] | None:
    """Return the folders that may be used, None for all."""
    text = os.environ.get(WITHIN)
    return None if text is None else _parsed(text)


@functools.lru_cache(maxsize=1)
def _parsed(text: str) -> Sequence[AllowedFolder]:
    import json

    return tuple(AllowedFolder(os.fsencode(path), dev, inode) for path, dev, inode in json.loads(text))


def check_path(path: bytes, given: bytes = b"") -> None:
    """Raise `Outside` for a real path that is not below an allowed folder, by its name: before anything is said about
    what is there. The error names the path as it was `given`: where its symlinks lead is not to be learned.
    """
    folders = allowed_folders()
    if folders is not None and not any(is_within(path, each.path) for each in folders):
        raise Outside(given or path)


def check_opened_folder(fd: int, path: bytes) -> None:
    """Raise `Outside` for an open folder that is neither an allowed one nor below one, wherever its path leads;
    `Replaced` if that is so because another folder has taken the place of an allowed one.
    """
    folders = allowed_folders()
    if folders is None:
        return
    allowed = {(each.dev, each.inode) for each in folders}
    if identity(fd) not in allowed and not any(above in allowed for above, _ in folders_above(fd)):
        for each in folders:
            if is_within(path, each.path) and not is_in_place(each):
                raise Replaced(each.path)
        raise Outside(path)


def is_in_place(folder: AllowedFolder) -> bool:
    """Return whether an allowed folder is still at its path."""
    try:
        seen = os.lstat(folder.path)
    except OSError:
        return False
    return (seen.st_dev, seen.st_ino) == (folder.dev, folder.inode)
