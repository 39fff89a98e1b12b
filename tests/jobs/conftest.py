"""The program, with a tree and a separate state directory for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cli.screens import Fileorg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def fileorg(tmp_path: Path) -> Iterator[Fileorg]:
    """The program, started in `tmp_path`, which contains the folder `tree`."""
    program = Fileorg(tmp_path / "state", tmp_path)
    yield program
    program.close()
