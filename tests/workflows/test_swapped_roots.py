"""A root that someone swaps for a symlink after the guards saw it: nothing is done where the symlink leads."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import GuardRefused
from fileorg.storage.local import posix
from fileorg.workflows.guards import changeable_folder
from fileorg.workflows.roots import open_local

if TYPE_CHECKING:
    from pathlib import Path

    from fileorg.core.state import StateDirectory


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder that is refused when it is asked for openly."""
    (tmp_path / "victim/inbox/.git").mkdir(parents=True)
    (tmp_path / "victim/inbox/secret.txt").write_text("mine")
    (tmp_path / "share/inbox").mkdir(parents=True)
    return tmp_path / "victim"


@pytest.mark.parametrize("swapped", ["inbox", "share"], ids=["the root", "a folder above it"])
def test_a_root_that_is_swapped_after_the_guards_is_refused(
    swapped: str, victim: Path, tmp_path: Path, state: StateDirectory
) -> None:
    root = changeable_folder(os.fsencode(tmp_path / "share/inbox"), state)
    place = tmp_path / "share" / "inbox" if swapped == "inbox" else tmp_path / "share"
    place.rename(tmp_path / "aside")
    place.symlink_to(victim / "inbox" if swapped == "inbox" else victim)
    with contextlib.ExitStack() as stack, pytest.raises(GuardRefused, match="replaced by a symlink"):
        open_local(stack, root)


@pytest.mark.parametrize("link", ["share/inbox", "share"])
def test_a_symlink_is_not_followed_when_a_real_path_is_opened(link: str, victim: Path, tmp_path: Path) -> None:
    (tmp_path / link).rename(tmp_path / "aside")
    (tmp_path / link).symlink_to(victim / "inbox" if link == "share/inbox" else victim)
    with pytest.raises(NotADirectoryError):
        posix.open_root(os.fsencode(tmp_path / "share/inbox"))
