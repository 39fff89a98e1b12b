"""Another program removes a file that is aside just before it is put back: the run goes on."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from fileorg.execute.identity import Identity
from fileorg.execute.temporaries import settle_aside
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from pathlib import Path

    from fileorg.core.model import Entry

ASIDE = b".fileorg-1-1-old.part"


class Touched(LocalStorage):
    """A storage whose file is removed after the first `lstat` that finds it."""

    def lstat(self, folder: bytes, name: bytes) -> Entry | None:
        seen = super().lstat(folder, name)
        if seen is not None and name == ASIDE:
            os.unlink(os.path.join(self.root, folder, name))
        return seen


def test_it_counts_as_removed(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / os.fsdecode(ASIDE)).write_text("another content than was copied")
    with closing(Touched(os.fsencode(tmp_path))) as storage:
        assert settle_aside(storage, b"b", b"a.txt", ASIDE, Identity(1, 2, 3), reserving=lambda _: None)
    assert os.listdir(tmp_path / "b") == []
