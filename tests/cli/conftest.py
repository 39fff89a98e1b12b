"""The program, with a tree and a separate state directory for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cli.screens import Fileorg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.tree import Tree


@pytest.fixture
def fileorg(tmp_path: Path) -> Iterator[Fileorg]:
    """The program, started in `tmp_path`, which contains the folder `tree`."""
    program = Fileorg(tmp_path / "state", tmp_path)
    yield program
    program.close()


MESS = {
    "photo.jpg": "jpg",
    "Letter.PDF": "pdf",
    "notes.txt": "txt",
    "backup.tar.gz": "gz",
    "what": "no extension",
    ".hidden": "dots",
    "film.mkv.part": "half",
    "sub/inner.jpg": "inner",
}


@pytest.fixture
def mess(tree: Tree) -> Tree:
    """A small messy folder."""
    tree.write(MESS)
    return tree
