"""A server with one folder, and a neighbour that no client may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.mcp.assistants import Assistant
from tests.support.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class World:
    """The folders of a module: `inside` belongs to a server that its tests share, `outside` to nobody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inside, self.outside = folder / "inside", folder / "outside"
        self.inside.mkdir()
        self.outside.mkdir()
        (self.outside / "secret.txt").write_text("secret")
        self._count = 0

    def tree(self) -> Tree:
        """Return a new folder in `inside`."""
        self._count += 1
        return Tree(self.inside / f"tree{self._count}")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("mcp"))


@pytest.fixture(scope="module")
def assistant(world: World) -> Iterator[Assistant]:
    """A client that may change files; plans of more than 20 wait for the person."""
    with Assistant(world.folder, "--root", str(world.inside), "--allow-changes", "--max-changes", "20") as client:
        yield client
