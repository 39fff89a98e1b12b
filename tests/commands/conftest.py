"""Fixtures for the tests of commands: another tree, and dates in UTC."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.support.tree import Tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def dest(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "dest")


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
