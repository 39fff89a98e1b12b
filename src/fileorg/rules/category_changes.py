"""Own categories and changes of the built-in ones: the mapping that `classify.Rules` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.names import display
from fileorg.rules.extensions import CATEGORIES, MAX_EXTENSION_BYTES, OTHER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.rules.config import Category

_MAX_PARTS = 3
_MAX_NAME_BYTES = 200


class CategoryFault(Exception):
    """A change that contradicts another category. `extension` is as in the file, if it is about one."""

    def __init__(self, category: Category, message: str, hint: str, extension: bytes = b"") -> None:
        super().__init__(message)
        self.category = category
        self.hint = hint
        self.extension = extension


def with_changes(changes: Iterable[Category]) -> dict[str, tuple[bytes, ...]]:
    """Return the extensions of each category that is switched on, own categories before `Other`.

    Raises `CategoryFault` for an extension that two categories claim, and for a name that differs from another in case
    only.
    """
    changes = tuple(changes)
    found = {name: list(extensions) for name, extensions in CATEGORIES.items() if name != OTHER}
    names = {name.casefold(): name for name in CATEGORIES}
    for change in changes:
        other = names.setdefault(change.name.casefold(), change.name)
        if other != change.name:
            raise CategoryFault(
                change,
                f"the category {display(change.name)} differs from {display(other)} only in case",
                f"write [categories.{toml_key(other)}] to change that one, or choose another name",
            )
        if change.enabled:
            extensions = found.setdefault(change.name, [])
            extensions[:] = [each for each in extensions if each not in change.dropped]
        else:
            found.pop(change.name, None)
    _take(found, changes)
    for change in changes:
        _claim(found, change)
    return {name: tuple(extensions) for name, extensions in found.items()} | {OTHER: ()}


def _take(found: dict[str, list[bytes]], changes: Iterable[Category]) -> None:
    """Move each `+x` to its new category. Raises `CategoryFault` if two categories take it."""
    takers: dict[bytes, Category] = {}
    for change in changes:
        for extension in change.taken if change.enabled else ():
            other = takers.setdefault(extension, change)
            if other is not change:
                raise CategoryFault(
                    change,
                    f"both {display(other.name)} and {display(change.name)} take +{display(extension)}",
                    "an extension belongs to one category: remove it from one of them",
                    b"+" + extension,
                )
    for extensions in found.values():
        extensions[:] = [each for each in extensions if each not in takers]
    for extension, change in takers.items():
        found[change.name].append(extension)


def _claim(found: dict[str, list[bytes]], change: Category) -> None:
    """Add the extensions without a sign. Raises `CategoryFault` for one that another category has."""
    for extension in change.extensions if change.enabled else ():
        owner = next((name for name, extensions in found.items() if extension in extensions), None)
        if owner is None:
            found[change.name].append(extension)
        elif owner != change.name:
            shown = display(extension)
            raise CategoryFault(
                change,
                f"the extension {shown} of {display(change.name)} belongs to {display(owner)}",
                f'write "+{shown}" to take it from {display(owner)}',
                extension,
            )


def extension_fault(extension: bytes) -> str:
    """Return why an extension cannot be in a category, as the end of a sentence; empty if it can.

    Take it in lower case, without its first dot.
    """
    if not extension:
        return "is empty"
    if any(byte <= 0x20 or byte == 0x7F or byte in b"/*?" for byte in extension):
        return "holds a blank, a control character, a slash or a wildcard"
    parts = extension.split(b".")
    if b"" in parts or len(parts) > _MAX_PARTS:
        return "has an empty part or more than three parts"
    if len(parts[-1]) > MAX_EXTENSION_BYTES:
        return f"has more than {MAX_EXTENSION_BYTES} bytes"
    return ""


def name_fault(name: str) -> str:
    """Return why a folder cannot have the name of this category, as the end of a sentence; empty if it can."""
    if name == OTHER:
        return "is the category of all unknown files and cannot be changed"
    if not name.strip():
        return "is empty"
    if name != name.strip() or name.endswith("."):
        return "begins or ends with a blank, or ends with a period"
    if name.startswith((".", "@", "+", "-", "~")):
        return f"begins with {name[0]}"
    if "/" in name or "\\" in name or display(name) != name:
        return "holds a slash, a backslash or a character that cannot be displayed"
    if len(name.encode()) > _MAX_NAME_BYTES:
        return f"has more than {_MAX_NAME_BYTES} bytes"
    return ""


def toml_key(name: str) -> str:
    """Return the name of a category as a key of TOML."""
    if name.isascii() and name.replace("-", "").replace("_", "").isalnum():
        return name
    text = name.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(each if each >= " " and each != "\x7f" else f"\\u{ord(each):04x}" for each in text) + '"'
