"""A root that another program replaces by a symlink after the guards: nothing changes in the symlink's target."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.support import snapshot
from tests.support.crash import open_again
from tests.support.disks import NotTested, plugged_in
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.core.errors import GuardRefused, Locked
from fileorg.core.events import NullReporter
from fileorg.storage.local import posix
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.guards import changeable_folder
from fileorg.workflows.recover import recover_all
from fileorg.workflows.roots import AnotherRoot, locked, open_local
from fileorg.workflows.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from fileorg.core.state import StateDirectory


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder that the guards refuse."""
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
    with contextlib.ExitStack() as stack, pytest.raises(GuardRefused, match="by a symlink"):
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


@pytest.mark.parametrize("link", ["share/inbox", "share", "share/dest"])
@pytest.mark.parametrize("interrupted", [False, True], ids=["undo", "recover"])
def test_a_root_that_is_a_symlink_since_is_not_taken_for_what_is_there_now(
    link: str, interrupted: bool, tmp_path: Path, state: StateDirectory
) -> None:
    """Not even with `--include-changed`."""
    runs = Runs(Tree(tmp_path / "share"), state)
    runs.tree.write({"inbox/a.jpg": "1", "dest/": ""})
    runs.organize(root=tmp_path / "share/inbox", dest=tmp_path / "share/dest")
    shutil.copytree(tmp_path / "share", tmp_path / "victim")
    (tmp_path / link).rename(tmp_path / "aside")
    (tmp_path / link).symlink_to(tmp_path / link.replace("share", "victim"))
    before = snapshot.take(os.fsencode(tmp_path / "victim"))
    if interrupted:
        open_again(runs)
        assert [each.id for each in recover_all(state, NullReporter()).left] == [1]
    else:
        for include_changed in (False, True):
            with pytest.raises((GuardRefused, AnotherRoot)):
                runs.undo(include_changed=include_changed)
    assert snapshot.differences(before, snapshot.take(os.fsencode(tmp_path / "victim"))) == []


@pytest.mark.root
@pytest.mark.parametrize("include_changed", [False, True])
def test_nor_where_inode_numbers_do_not_last(tmp_path: Path, state: StateDirectory, include_changed: bool) -> None:
    with contextlib.ExitStack() as stack:
        try:
            disk = stack.enter_context(plugged_in("exfat", tmp_path / "share"))
        except NotTested as error:
            pytest.skip(str(error))
        runs = Runs(Tree(disk.place / "inbox"), state)
        runs.tree.write({"a.jpg": "1"})
        runs.organize()
        victim = tmp_path / "aside/disk/victim"
        shutil.copytree(runs.tree.root, disk.place / "victim/disk/inbox")
        (tmp_path / "share").rename(tmp_path / "aside")
        (tmp_path / "share").symlink_to(victim)
        before = snapshot.take(os.fsencode(victim))
        with pytest.raises(GuardRefused, match="A symlink now leads from"):
            runs.undo(include_changed=include_changed)
        assert snapshot.differences(before, snapshot.take(os.fsencode(victim))) == []
        (tmp_path / "share").unlink()
        (tmp_path / "aside").rename(tmp_path / "share")
        assert runs.undo().problems == []


def test_a_root_that_was_moved_and_is_led_to_by_a_symlink_is_the_same(tmp_path: Path, state: StateDirectory) -> None:
    runs = Runs(Tree(tmp_path / "tree"), state)
    runs.tree.write({"a.jpg": "1"})
    runs.organize()
    runs.tree.root.rename(tmp_path / "moved")
    runs.tree.root.symlink_to("moved")
    assert runs.undo().problems == []
    assert runs.tree.read() == {"a.jpg": "1"}
