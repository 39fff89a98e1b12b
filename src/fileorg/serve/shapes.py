"""What requests hold, as named tuples: JSON Schemas are made from their types, and values are checked against them."""

from __future__ import annotations

import base64
import json
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple
from fileorg.serve.problems import bad_request

T = TypeVar("T")

_PLAIN: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


class GivenPath(NamedTuple):
    """A path as in the JSON of the commands: as text, or if it is not UTF-8, its bytes in base 64."""

    path: str = ""
    path_b64: str = ""

    @property
    def raw(self) -> bytes:
        """Return the bytes of the path. Raises `HttpProblem`."""
        try:
            return base64.b64decode(self.path_b64, validate=True) if self.path_b64 else self.path.encode()
        except ValueError:  # `binascii.Error` is one, and so is what characters beyond ASCII raise
            raise bad_request("path_b64 is not base 64, or path is not text.") from None


def object_schema(**fields: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an object with these fields."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def array_schema(items: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an array."""
    return {"type": "array", "items": items}


def null_or(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of what may also be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of a type."""
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    if get_origin(kind) in {list, tuple}:
        return array_schema(schema_of(get_args(kind)[0]))
    if get_origin(kind) in {Union, UnionType}:
        [one] = [each for each in get_args(kind) if each is not NoneType]
        return null_or(schema_of(one))
    fields = _fields(kind)
    found = {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "properties": {name: schema_of(each) for name, each in fields.items()},
        "additionalProperties": False,
    }
    needed = [name for name in fields if name not in kind._field_defaults]
    return found | ({"required": needed} if needed else {})


@cache
def _fields(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {name: hints[name] for name in kind._fields}


def read_body(kind: type[T], body: bytes) -> T:
    """Return the body of a request as a named tuple; an empty one stands for no fields. Raises `HttpProblem`."""
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise bad_request("The body is not JSON.") from None
    return value_of(kind, value)


def value_of(kind: type[T], value: Any) -> T:
    """Return a value of JSON as a named tuple. Raises `HttpProblem` for one of another type."""
    found: T = _checked(kind, value, "")
    return found


def as_plain(value: Any) -> Any:
    """Return a named tuple, with those in it, as a value of JSON."""
    return {name: as_plain(each) for name, each in value._asdict().items()} if hasattr(value, "_asdict") else value


def _checked(kind: Any, value: Any, where: str) -> Any:
    if kind in _PLAIN:
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise bad_request(f"{where} is not a value of type {_PLAIN[kind]}.")
        if kind is str:
            check_text(where, value)
        return value
    if get_origin(kind) is Literal:
        if not isinstance(value, str) or value not in get_args(kind):
            raise bad_request(f"{where} is not one of {', '.join(get_args(kind))}.")
        return value
    if get_origin(kind) in {list, tuple}:
        if not isinstance(value, list):
            raise bad_request(f"{where} is not an array.")
        return [_checked(get_args(kind)[0], each, f"{where}[{at}]") for at, each in enumerate(value)]
    if get_origin(kind) in {Union, UnionType}:
        [one] = [each for each in get_args(kind) if each is not NoneType]
        return None if value is None else _checked(one, value, where)
    if not isinstance(value, dict):
        raise bad_request(f"{where or 'The body'} is not an object.")
    fields = _fields(kind)
    if unknown := value.keys() - fields.keys():
        name = display(min(unknown))
        raise bad_request(f"{where + '.' if where else ''}{name} is not known.", f"known are {', '.join(fields)}")
    if missing := [name for name in fields if name not in value and name not in kind._field_defaults]:
        raise bad_request(f"{where + '.' if where else ''}{missing[0]} is missing.")
    return kind(**{name: _checked(fields[name], each, f"{where}.{name}".lstrip(".")) for name, each in value.items()})


def check_text(where: str, text: str) -> None:
    """Raise `HttpProblem` for what no command takes as a word: a NUL, or half of a pair of UTF-16."""
    if "\0" in text:
        raise bad_request(f"{where} contains a NUL.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad_request(f"{where} is not text.") from None
