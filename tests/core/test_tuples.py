"""Our named tuples beside those of typing: what one does, the other does too."""

from __future__ import annotations

import copy
import inspect
import pickle
import typing
from typing import Any, Generic, TypeVar

import pytest

from fileorg.core.tuples import NamedTuple

Item = TypeVar("Item")


class Ours(NamedTuple):
    name: str
    size: int
    kind: str = "file"
    parts: tuple[str, ...] = ()

    @property
    def twice(self) -> int:
        return 2 * self.size

    @classmethod
    def empty(cls) -> Ours:
        return cls("", 0)


class Theirs(typing.NamedTuple):
    name: str
    size: int
    kind: str = "file"
    parts: tuple[str, ...] = ()

    @property
    def twice(self) -> int:
        return 2 * self.size

    @classmethod
    def empty(cls) -> Theirs:
        return cls("", 0)


class Box(NamedTuple, Generic[Item]):
    item: Item


def outcome(kind: Any, use: Any) -> Any:
    """Return what a use of a class gives, or its error, without the name of the class."""
    try:
        found = use(kind)
    except (TypeError, ValueError, AttributeError) as error:
        return type(error)
    return str(found).replace(kind.__name__, "") if type(found) is kind else found


USES = {
    "by place": lambda kind: kind("a", 1),
    "by name": lambda kind: kind(size=1, name="a", parts=("b",)),
    "too few": lambda kind: kind("a"),
    "too many": lambda kind: kind("a", 1, "b", (), 5),
    "unknown name": lambda kind: kind("a", 1, colour="red"),
    "given twice": lambda kind: kind("a", 1, name="b"),
    "of values": lambda kind: kind._make(["a", 1, "b", ()]),
    "of too few values": lambda kind: kind._make(["a", 1]),
    "replaced": lambda kind: kind("a", 1)._replace(size=7),
    "replaced by nothing known": lambda kind: kind("a", 1)._replace(colour="red"),
    "as a mapping": lambda kind: kind("a", 1)._asdict(),
    "its method": lambda kind: kind("a", 4).twice,
    "its class method": lambda kind: kind.empty(),
    "one is set": lambda kind: setattr(kind("a", 1), "name", "b"),
    "another one is set": lambda kind: setattr(kind("a", 1), "colour", "b"),
    "equal to a tuple": lambda kind: kind("a", 1) == ("a", 1, "file", ()),
    "hash": lambda kind: hash(kind("a", 1)),
    "unpacked": lambda kind: [*kind("a", 1)],
    "pickled": lambda kind: pickle.loads(pickle.dumps(kind("a", 1))),
    "copied": lambda kind: copy.deepcopy(copy.copy(kind("a", 1))),
    "fields": lambda kind: (kind._fields, kind._field_defaults, kind.__match_args__, kind.__slots__),
    "parameters": lambda kind: [(name, each.default) for name, each in inspect.signature(kind).parameters.items()],
    "annotations": lambda kind: list(kind.__annotations__),
    "bases": lambda kind: (issubclass(kind, tuple), type(kind), kind.__module__, len(vars(kind("a", 1)))),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_as_in_typing(use: Any) -> None:
    assert outcome(Ours, use) == outcome(Theirs, use)


def test_patterns_and_generics() -> None:
    match Ours("a", 1):
        case Ours(name, size=1):
            assert name == "a"
        case _:
            pytest.fail("no match")
    assert Box[int](3) == Box(3) == (3,)


def test_an_error_names_the_class() -> None:
    with pytest.raises(TypeError, match=r"Ours\.__new__\(\) missing 1 required positional argument: 'size'"):
        Ours("a")  # type: ignore[call-arg]


def test_a_field_without_a_default_after_one_with_a_default() -> None:
    body = {"__annotations__": {"a": "int", "b": "int"}, "a": 1}
    with pytest.raises(TypeError, match="default"):
        typing.cast("Any", type(NamedTuple))("Wrong", (NamedTuple,), body)
