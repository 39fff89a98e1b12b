"""What a file or an object has that the other side of a move cannot keep: written into the journal before the original
is removed, and given back by undo.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from fileorg.core.tuples import NamedTuple
from fileorg.journal.rows import foreign
from fileorg.storage.local.attributes import FileAttributes
from fileorg.storage.object.client import plain_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fileorg.core.errors import JournalError
    from fileorg.storage.object.client import StoredObject


class ObjectAttributes(NamedTuple):
    """What an object is written with beside its content."""

    metadata: Mapping[str, str]
    headers: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}
    storage_class: str = "STANDARD"


def attributes_of_object(there: StoredObject, tags: Mapping[str, str]) -> ObjectAttributes:
    """Return what an object has, as far as it can be written again."""
    return ObjectAttributes(dict(there.metadata), plain_headers(there), dict(tags), there.storage_class)


def file_text(attributes: FileAttributes) -> str:
    extended = {name: b64encode(value).decode() for name, value in attributes.extended.items()}
    return json.dumps({"file": [*attributes[:4], extended]})


def object_text(attributes: ObjectAttributes) -> str:
    return json.dumps({"object": [dict(each) for each in attributes[:3]] + [attributes.storage_class]})


def as_file(text: str | None) -> FileAttributes | None:
    """Return the attributes of a file, None if the text has none. Raises `JournalError`."""
    found = _part(text, "file")
    if found is None:
        return None
    try:
        mode, owner, group, flags, extended = found
        numbers = int(mode), int(owner), int(group), int(flags)
        return FileAttributes(*numbers, {str(name): b64decode(value) for name, value in extended.items()})
    except (AttributeError, TypeError, ValueError) as error:
        raise _invalid() from error


def as_object(text: str | None) -> ObjectAttributes | None:
    """Return the attributes of an object, None if the text has none. Raises `JournalError`."""
    found = _part(text, "object")
    if found is None:
        return None
    try:
        metadata, headers, tags, storage_class = found
        return ObjectAttributes(dict(metadata), dict(headers), dict(tags), str(storage_class))
    except (TypeError, ValueError) as error:
        raise _invalid() from error


def _part(text: str | None, name: str) -> Any:
    try:
        return None if text is None else json.loads(text).get(name)
    except (AttributeError, ValueError) as error:
        raise _invalid() from error


def _invalid() -> JournalError:
    return foreign("The attributes of", "a moved file")
