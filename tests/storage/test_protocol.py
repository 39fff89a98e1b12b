"""The protocol is exact: mypy checks that it has all called methods; this test, that all of its methods are called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fileorg
from fileorg.storage.base import Capabilities, Storage

_SOURCE = Path(fileorg.__file__).parent
_OUTSIDE = "".join(
    path.read_text() for path in _SOURCE.rglob("*.py") if "storage" not in path.relative_to(_SOURCE).parts
)
_READ_BY_THE_STORES_TO_COME = {"renames"}


@pytest.mark.parametrize("name", [name for name in vars(Storage) if not name.startswith("_")])
def test_each_member_is_called_outside_of_storage(name: str) -> None:
    assert re.search(rf"\.{name}\b", _OUTSIDE)


@pytest.mark.parametrize("name", Capabilities._fields)
def test_each_capability_is_read(name: str) -> None:
    assert bool(re.search(rf"capabilities\.{name}\b", _OUTSIDE)) != (name in _READ_BY_THE_STORES_TO_COME)
