"""Only symlinks of this user and of root are followed, not those of other users."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import FileorgError, StateError
from fileorg.core.state import JOURNAL, open_state
from fileorg.core.trusted import folders_above, link_target, open_directory
from fileorg.index.index import Index

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

_NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to another user")


@pytest.mark.parametrize("target", ["real", "{}/real", "../{name}/real", "to-real"])
def test_links_of_our_own_are_followed(target: str, tmp_path: Path) -> None:
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "to-real").symlink_to("real")
    (tmp_path / "link").symlink_to(target.format(tmp_path, name=tmp_path.name))
    fd = open_directory(os.fsencode(tmp_path / "link/inner/../inner"))
    try:
        assert os.path.samestat(os.fstat(fd), os.stat(tmp_path / "real/inner"))
    finally:
        os.close(fd)


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(OSError, match="symbolic links") as caught:
        open_directory(os.fsencode(tmp_path / "one"))
    assert caught.value.errno == errno.ELOOP


@needs_root
@pytest.mark.parametrize("path", ["link", "link/inner", "to-link/inner"])
def test_a_link_of_another_user_is_not_followed(path: str, tmp_path: Path) -> None:
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "to-link").symlink_to("link")
    os.lchown(tmp_path / "link", _NOBODY, _NOBODY)
    with pytest.raises(PermissionError, match="another user"):
        open_directory(os.fsencode(tmp_path / path))


@needs_root
def test_what_is_in_the_place_of_a_file_is_not_followed_either(tmp_path: Path) -> None:
    (tmp_path / "page.html").symlink_to("mine")
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        assert link_target(b"page.html", fd) == b"mine"
        os.lchown(tmp_path / "page.html", _NOBODY, _NOBODY)
        with pytest.raises(PermissionError, match="another user"):
            link_target(b"page.html", fd)
    finally:
        os.close(fd)


@needs_root
def test_a_state_directory_behind_a_link_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "link").symlink_to("victim")
    os.lchown(tmp_path / "link", _NOBODY, _NOBODY)
    with pytest.raises(StateError, match="another user"):
        open_state(os.fsencode(tmp_path / "link/state"))
    assert list((tmp_path / "victim").iterdir()) == []


def test_a_database_that_is_not_the_one_that_was_checked_is_refused(tmp_path: Path) -> None:
    state = open_state(os.fsencode(tmp_path / "state"))
    with open(state.journal, "rb"):
        state.check_opened(JOURNAL)
        (tmp_path / "state").rename(tmp_path / "aside")
        open_state(os.fsencode(tmp_path / "state"))
        with pytest.raises(StateError, match="replaced"):
            state.check_opened(JOURNAL)


def test_no_index_is_made_where_its_path_leads_by_now(tmp_path: Path) -> None:
    state = open_state(os.fsencode(tmp_path / "state"))
    (tmp_path / "victim").mkdir()
    (tmp_path / "state").rename(tmp_path / "aside")
    (tmp_path / "state").symlink_to("victim")
    with pytest.raises(FileorgError, match="cannot be written"):
        Index(state.index)
    assert list((tmp_path / "victim").iterdir()) == []


def interrupted(call: Callable[..., Any], number: int) -> Callable[..., Any]:
    """Return the call, with Ctrl-C right after its given one."""
    calls = 0

    def interrupting(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        found = call(*arguments, **named)
        if calls == number:
            raise KeyboardInterrupt
        return found

    return interrupting


@pytest.mark.parametrize("call", ["close", "open"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_ctrl_c_on_the_way_to_a_folder_closes_nothing_twice(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second close is an error, which hid the reason; or it closes what another thread has opened since."""
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setattr(os, call, interrupted(getattr(os, call), number))
    with pytest.raises(KeyboardInterrupt):
        open_directory(os.fsencode(tmp_path / "link"))


@pytest.mark.parametrize("call", ["close", "fstat"])
@pytest.mark.parametrize("number", [2, 3])
def test_ctrl_c_on_the_way_up_closes_nothing_twice(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    monkeypatch.setattr(os, call, interrupted(getattr(os, call), number))
    with pytest.raises(KeyboardInterrupt):
        list(folders_above(fd))
    monkeypatch.undo()
    os.close(fd)
