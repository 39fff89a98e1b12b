"""What a name is, and how it is shown: any bytes but `/` and NUL, and none of them may steer a terminal."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Sequence

NO_NAMES = frozenset({b"", b".", b".."})
"""What no file can be called; `is_name` asks for more."""

# C0, DEL and C1; bidirectional marks, embeddings, overrides and isolates; line and paragraph separators;
# the surrogates that stand for bytes that are not UTF-8; the byte-order mark and zero-width characters
# that make two names look alike.
_UNSAFE = "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"


def display(name: bytes | str) -> str:
    """`name` as one printable line: controls, bidirectional marks and bytes that are not UTF-8 become escapes."""
    text = os.fsdecode(name)
    return text if text.isascii() and text.isprintable() else _escaping()(_escape, text)


@functools.cache
def _escaping() -> Callable[[Callable[[re.Match[str]], str], str], str]:
    import re  # names are plain text nearly always

    return re.compile(_UNSAFE).sub


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte itself
        return f"\\x{code - 0xDC00:02x}"
    named = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}.get(code)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def is_name(name: bytes) -> bool:
    """Whether it is one component that stays in its folder."""
    # Integers: `b"/" in name` tries them first and takes ten times as long.
    return not (0x2F in name or 0 in name or name in NO_NAMES)


def are_names(names: Sequence[bytes]) -> bool:
    """Whether `is_name` says so of all of them, in a tenth of the time. Raises `TypeError` for what is no bytes."""
    joined = b"/".join(names)
    return joined.count(b"/") == max(0, len(names) - 1) and 0 not in joined and NO_NAMES.isdisjoint(names)


def is_folder(path: bytes) -> bool:
    """Whether it is the root, or a plain path beneath it. NUL is where C would end it."""
    return not path or (0 not in path and NO_NAMES.isdisjoint(path.split(b"/")))


def join(folder: bytes, name: bytes) -> bytes:
    """The root-relative path of `name` in `folder`; the root itself is `b""`."""
    return folder + b"/" + name if folder else name


def below(root: bytes, path: bytes) -> bytes:
    """The absolute path of what is at a root-relative one."""
    return join(root.rstrip(b"/"), path) if path else root


def is_within(path: bytes, folder: bytes) -> bool:
    """Whether a path is a folder itself, or lies in it or below; by their names alone."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def split(path: bytes) -> tuple[bytes, bytes]:
    """The inverse of `join`."""
    folder, _, name = path.rpartition(b"/")
    return folder, name


def with_parents(path: bytes) -> Iterator[bytes]:
    """The folders above, the uppermost first, and the folder itself; nothing for the root."""
    end = path.find(b"/")
    while end >= 0:
        yield path[:end]
        end = path.find(b"/", end + 1)
    if path:
        yield path


def collision_key(name: bytes, *, case_insensitive: bool) -> bytes:
    """Equal for names that no folder can hold both of: `casefold(NFC(name))` if case is not told apart.

    It is compared, never written. Bytes that are not UTF-8 stay as they are.
    """
    if not case_insensitive:
        return name
    if name.isascii():
        return name.lower()
    import unicodedata

    text = unicodedata.normalize("NFC", name.decode(errors="surrogateescape"))
    return text.casefold().encode(errors="surrogateescape")
