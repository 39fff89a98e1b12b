"""A root that someone swaps for a symlink after the guards saw it: nothing is done where the symlink leads."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import GuardRefused, Locked
from fileorg.core.events import NullReporter
from fileorg.storage.local import posix
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.guards import changeable_folder
from fileorg.workflows.roots import locked, open_local
from fileorg.workflows.session import Session

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


def test_a_checkout_that_came_to_the_place_of_a_root_is_refused(
    victim: Path, tmp_path: Path, state: StateDirectory
) -> None:
    root = changeable_folder(os.fsencode(tmp_path / "share/inbox"), state)
    (tmp_path / "share/inbox").rename(tmp_path / "aside")
    (victim / "inbox").rename(tmp_path / "share/inbox")
    with (
        Session.opened(state, "a test", NullReporter()) as session,
        pytest.raises(GuardRefused, match="version control"),
    ):
        session.open_changeable(root)


def test_the_locks_are_on_the_directory_that_is_used(victim: Path, tmp_path: Path, state: StateDirectory) -> None:
    share = tmp_path / "share"
    with Session.opened(state, "a test", NullReporter()) as session, contextlib.ExitStack() as stack:
        storage = session.open_changeable(os.fsencode(share / "inbox"))
        share.rename(tmp_path / "aside")
        share.symlink_to(victim)
        session.lock([storage])
        held = {(seen.st_dev, seen.st_ino) for seen in map(os.fstat, session.locks)}
        for place, is_held in (("aside/inbox", True), ("aside", True), ("victim/inbox", False), ("victim", False)):
            seen = os.stat(tmp_path / place)
            assert ((seen.st_dev, seen.st_ino) in held) == is_held
        again = stack.enter_context(contextlib.closing(LocalStorage(os.fsencode(tmp_path / "aside/inbox"))))
        with pytest.raises(Locked), locked([again]):
            pass
