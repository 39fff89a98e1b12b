"""`NamedTuple` as in typing, defined in a fifth of the time: a short command defines a hundred at its start."""

import sys
from collections import _tuplegetter  # type: ignore[attr-defined]
from types import FunctionType
from typing import TYPE_CHECKING, Any

__all__ = ["NamedTuple"]

if TYPE_CHECKING or sys.version_info >= (3, 14):  # 3.14 keeps annotations elsewhere, and its typing is light
    from typing import NamedTuple
else:

    class _Fields(tuple):
        """What all named tuples share."""

        __slots__ = ()
        _fields: tuple[str, ...] = ()

        @classmethod
        def _make(cls, values: Any) -> Any:
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(made)}")
            return made

        def _replace(self, /, **changed: Any) -> Any:
            replaced = self._make(map(changed.pop, self._fields, self))
            if changed:
                raise ValueError(f"{type(self).__name__} has no field {', '.join(changed)}")
            return replaced

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            inside = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({inside})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

    class _Definition(type):
        """Turns the body of a class into a tuple with the fields that it annotates."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body[field] for field in fields if field in body}
            if fields[len(fields) - len(defaults) :] != tuple(defaults):
                raise TypeError(f"a field of {name} without a default follows one with a default")
            body |= {field: _tuplegetter(place, None) for place, field in enumerate(fields)}
            body |= {
                "__slots__": (), "__match_args__": fields, "_fields": fields, "_field_defaults": defaults,
                "__new__": _maker(name, fields, tuple(defaults.values())),
            }  # fmt: skip
            return type(name, (_Fields, *bases[1:]), body)

    _templates: dict[int, Any] = {}

    def _maker(name: str, fields: tuple[str, ...], defaults: tuple[Any, ...]) -> FunctionType:
        """Return `__new__` with these parameters: the code of another one of as many, under other names."""
        template = _templates.get(len(fields))
        if template is None:
            names = "".join(f"_{place}, " for place in range(len(fields)))
            template = eval(f"lambda _cls, {names}: _new(_cls, ({names}))")  # noqa: S307
            _templates[len(fields)] = template = template.__code__
        code = template.replace(co_varnames=("_cls", *fields), co_name="__new__", co_qualname=f"{name}.__new__")
        return FunctionType(code, _GLOBALS, "__new__", defaults)

    _GLOBALS = {"_new": tuple.__new__, "__builtins__": {}, "__name__": __name__}

    class NamedTuple(metaclass=_Definition):
        """The base of classes that are tuples with named fields."""
