"""Names are any bytes but `/` and NUL; they are escaped for display because they may hold terminal controls."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Sequence

NO_NAMES = frozenset({b"", b".", b".."})
"""Names that no file can have; `is_name` checks more."""

# C0, DEL and C1; bidirectional marks, embeddings, overrides and isolates; line and paragraph separators; the surrogates
# that stand for bytes that are not UTF-8; the byte-order mark and zero-width characters, which make different names
# look alike.
_UNSAFE = "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"


def display(name: bytes | str) -> str:
    """Return `name` as one printable line: controls, bidirectional marks and bytes that are not UTF-8 are escaped."""
    text = os.fsdecode(name)
    return text if text.isascii() and text.isprintable() else _escaping()(_escape, text)


@functools.cache
def _escaping() -> Callable[[Callable[[re.Match[str]], str], str], str]:
    import re  # rarely needed: most names are printable ASCII

    return re.compile(_UNSAFE).sub


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte itself
        return f"\\x{code - 0xDC00:02x}"
    named = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}.get(code)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def step_name(operation: int, number: int) -> bytes:
    """Return the temporary name of a file that makes room for another one: see `MOVED_ASIDE`."""
    return b".fileorg-%d-%d-step.part" % (operation, number)


def is_step_name(name: bytes) -> bool:
    """Return whether a name is one of `step_name`."""
    return name.startswith(b".fileorg-") and name.endswith(b"-step.part")


def is_name(name: bytes) -> bool:
    """Return whether `name` is one path component that stays in its folder."""
    # Integers, because `b"/" in name` first tries to read its operand as one, and takes ten times as long.
    return not (0x2F in name or 0 in name or name in NO_NAMES)


def are_names(names: Sequence[bytes]) -> bool:
    """Return whether all are names, ten times as fast as `is_name`. Raises `TypeError` for anything but bytes."""
    joined = b"/".join(names)
    return joined.count(b"/") == max(0, len(names) - 1) and 0 not in joined and NO_NAMES.isdisjoint(names)


def is_folder(path: bytes) -> bool:
    """Return whether `path` is the root or a plain path beneath it, without NUL, where C would cut it off."""
    return not path or (0 not in path and NO_NAMES.isdisjoint(path.split(b"/")))


def join(folder: bytes, name: bytes) -> bytes:
    """Return the root-relative path of `name` in `folder`; the root itself is `b""`."""
    return folder + b"/" + name if folder else name


def below(root: bytes, path: bytes) -> bytes:
    """Return the absolute path of a root-relative one."""
    return join(root.rstrip(b"/"), path) if path else root


def scheme_of(path: bytes) -> bytes:
    """Return the scheme of a URL such as `s3://bucket/folder`, empty for a path. `./s3://x` is a path."""
    scheme, found, _ = path.partition(b"://")
    return scheme if found and scheme.replace(b"-", b"").isalnum() else b""


def real_path(path: bytes) -> bytes:
    """Return the real path of a folder that may be missing; a URL as its root is recorded."""
    return path.rstrip(b"/") if scheme_of(path) else os.path.realpath(path)


def is_root(path: object) -> bool:
    """Return whether the value can be the root of an operation: an absolute path, or a URL of a store."""
    if not isinstance(path, bytes) or 0 in path:
        return False
    return path.startswith(b"/") or bool(scheme_of(path))


def overlap(path: bytes, other: bytes) -> bool:
    """Return whether one of two paths is the other one, or inside it."""
    return is_within(path, other) or is_within(other, path)


def is_within(path: bytes, folder: bytes) -> bool:
    """Return whether `path` is `folder` or below it, by name alone."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def split(path: bytes) -> tuple[bytes, bytes]:
    """Return (folder, name) of a path: the inverse of `join`."""
    folder, _, name = path.rpartition(b"/")
    return folder, name


def tree_key(path: bytes) -> bytes:
    """Return a key that sorts a folder directly before its contents: the separator is less than any byte of a name."""
    return path.replace(b"/", b"\0")


def from_tree_key(key: bytes) -> bytes:
    """Return the path of a `tree_key`."""
    return key.replace(b"\0", b"/")


def with_parents(path: bytes) -> Iterator[bytes]:
    """Yield the folders above, the uppermost first, then the folder itself; nothing for the root."""
    end = path.find(b"/")
    while end >= 0:
        yield path[:end]
        end = path.find(b"/", end + 1)
    if path:
        yield path


def collision_key(name: bytes, *, case_insensitive: bool) -> bytes:
    """Return a key that is equal for names that cannot coexist in a folder: `casefold(NFC(name))` if case is ignored.

    The key is only compared, never written. Bytes that are not UTF-8 are preserved.
    """
    if not case_insensitive:
        return name
    if name.isascii():
        return name.lower()
    import unicodedata

    text = unicodedata.normalize("NFC", name.decode(errors="surrogateescape"))
    return text.casefold().encode(errors="surrogateescape")


def listed_path(path: bytes, *, may_look_up: Callable[[int], bool] = lambda _: True) -> bytes:
    """Return a real path as its folders list it: where case is ignored, two spellings of one folder are not alike.

    A folder is listed only if it has the name in another case, too, or if nothing `may_look_up` names in it.
    """
    listed = b"/"
    for name in filter(None, path.split(b"/")):
        listed = os.path.join(listed, _listed_as(listed, name, may_look_up))
    return listed


def _listed_as(above: bytes, name: bytes, may_look_up: Callable[[int], bool]) -> bytes:
    """Return a name as its folder lists it; unchanged if the folder cannot be read or lists none that is alike."""
    try:
        fd = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # A disk is mounted under one name; and to look up another may mount another: autofs.
            if os.lstat(name, dir_fd=fd).st_dev != os.fstat(fd).st_dev:
                return name
            if may_look_up(fd):
                swapped = name.decode(errors="surrogateescape").swapcase().encode(errors="surrogateescape")
                if swapped == name:
                    return name
                os.lstat(swapped, dir_fd=fd)
            names = [os.fsencode(each) for each in os.listdir(fd)]
        finally:
            os.close(fd)
    except (OSError, ValueError):
        return name
    if name in names:
        return name
    wanted = collision_key(name, case_insensitive=True)
    alike = [each for each in names if collision_key(each, case_insensitive=True) == wanted]
    return alike[0] if len(alike) == 1 else name
