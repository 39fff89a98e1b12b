"""A plan as binary columns for the page of `fileorg serve`, written while the plan is made: memory does not grow.

A frame for each batch of rows, numbers in little-endian order. It begins with four numbers of 32 bits: the rows, the
bytes of the JSON, the bytes of the names, and 0. The JSON follows, then the columns of `COLUMNS`, then the names as
UTF-8, each as the commands show it; JSON and names are padded to 8 bytes. A frame without rows ends the plan.

A folder or a word is written out in the JSON at its first use and is a number from then on; 0 stands for none. Rows
with something unusual (`newNames`, `reasons`, `keepers`) are lists of their position in the frame and what it is. A
name or folder whose bytes are not what is shown has them as base64 beside (`raw`, `rawNew`, the third of a folder).
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
from array import array
from base64 import b64encode
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from fileorg.core.names import display
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.model import Base, PlanRow

FORM, VERSION = "fileorg plan columns", 1
COLUMNS = (
    ("size", "d"), ("from", "I"), ("to", "I"), ("nameEnd", "I"), ("together", "I"), ("action", "H"), ("category", "H"),
)  # fmt: skip
"""The columns of a frame in their order, by type codes of `array`; each is padded to 8 bytes."""

_HEAD = struct.Struct("<4I")
_MAX_FOLDERS = 50_000
"""The number of folders that the writer remembers; beyond it, the memory is cleared and some are written again."""


class PlanColumns:
    """Writes batches of rows as frames. The first frame has no rows: its JSON tells the form and the roots."""

    def __init__(self, write: Callable[[bytes], object], roots: Sequence[bytes]) -> None:
        self._write = write
        self._folders: dict[tuple[Base, bytes], int] = {}
        self._words: dict[str, int] = {}
        self._last_folder = 0
        self._rows = 0
        named = [[display(root), *_raw(root)] for root in roots]
        self._frame({"form": FORM, "version": VERSION, "roots": named}, [], b"")

    def add(self, rows: Sequence[PlanRow]) -> None:
        """Write rows as one frame."""
        if not rows:
            return
        if len(self._folders) > _MAX_FOLDERS:
            self._folders.clear()
        self._rows += len(rows)
        about: dict[str, list[Any]] = {
            key: [] for key in ("folders", "words", "newNames", "raw", "rawNew", "reasons", "keepers")
        }
        actions, from_bases, from_folders, names, to_bases, to_folders, new_names, *more = zip(*rows, strict=True)
        _, sizes, _, _, categories, _, reasons, keepers, together = more
        shown = [_shown(name) for name in names]
        for at, (name, text) in enumerate(zip(names, shown, strict=True)):
            if name != text:
                about["raw"] += [at, *_raw(name)]
        for at, (name, new_name) in enumerate(zip(names, new_names, strict=True)):
            if name != new_name:
                about["newNames"] += [at, display(new_name)]
                if _shown(new_name) != new_name:
                    about["rawNew"] += [at, *_raw(new_name)]
        for at, reason in enumerate(reasons):
            if reason is not None:
                about["reasons"] += [at, sentence(reason)]
        for at, keeper in enumerate(keepers):
            if keeper is not None:
                about["keepers"] += [at, [self._folder(keeper.base, keeper.folder, about), display(keeper.name)]]
        folder = self._folder
        columns = {
            "size": sizes,
            "from": [
                folder(base, path, about) if name else 0
                for base, path, name in zip(from_bases, from_folders, names, strict=True)
            ],
            "to": [folder(base, path, about) for base, path in zip(to_bases, to_folders, strict=True)],
            "nameEnd": list(accumulate(map(len, shown))),
            "together": together,
            "action": [self._word(action, about) for action in actions],
            "category": [self._word(word, about) if word else 0 for word in categories],
        }
        self._frame(about, [array(code, columns[name]) for name, code in COLUMNS], b"".join(shown))

    def close(self) -> None:
        """Write the end: without it, the plan is incomplete."""
        self._frame({"rows": self._rows}, [], b"")

    def _frame(self, about: dict[str, Any], columns: list[array[Any]], names: bytes) -> None:
        text = json.dumps(about, separators=(",", ":")).encode()
        parts = [_HEAD.pack(len(columns[0]) if columns else 0, len(text), len(names), 0), _padded(text)]
        for column in columns:
            if sys.byteorder == "big":
                column.byteswap()
            parts.append(_padded(column.tobytes()))
        parts.append(_padded(names))
        self._write(b"".join(parts))

    def _folder(self, base: Base, path: bytes, about: dict[str, list[Any]]) -> int:
        number = self._folders.get((base, path))
        if number is None:
            self._last_folder = number = self._last_folder + 1
            self._folders[base, path] = number
            about["folders"].append([base, display(path), *(_raw(path) if _shown(path) != path else ())])
        return number

    def _word(self, word: str, about: dict[str, list[Any]]) -> int:
        number = self._words.get(word)
        if number is None:
            self._words[word] = number = len(self._words) + 1
            about["words"].append(display(word))
        return number


@contextlib.contextmanager
def columns_file(path: bytes, at: int, roots: Sequence[bytes]) -> Iterator[Callable[[Sequence[PlanRow]], None]]:
    """Write the columns of a plan to the name `path` in the open folder `at`; yield the function that takes its rows.

    The name is there once all rows are. Raises `OSError`.
    """
    part = path + b".part"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
    try:
        with open(fd, "wb", buffering=1 << 20) as file:
            columns = PlanColumns(file.write, roots)
            yield columns.add
            columns.close()
        os.replace(part, path, src_dir_fd=at, dst_dir_fd=at)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=at)
        raise


def _shown(name: bytes) -> bytes:
    return display(name).encode()


def _raw(name: bytes) -> list[str]:
    return [b64encode(name).decode()]


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)
