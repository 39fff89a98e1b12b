"""The model of names: it tells identical files apart, and excuses no more than what nobody can know."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.chains import view as views
from tests.chains.names import Names
from tests.chains.places import Place
from tests.chains.runners import Processes
from tests.chains.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chains.view import View

_TIME, _CUT = 1_000_000_000, 1_100_000_000
"""A time in seconds, and the one that a disk made of it."""


@pytest.fixture
def bases(tmp_path: Path) -> dict[bytes, bytes]:
    return {name: os.fsencode(tmp_path / os.fsdecode(name)) for name in (b"root", b"dest")}


def view_of(bases: dict[bytes, bytes]) -> View:
    return views.take(bases, frozenset())


def write(file: Path, content: str, seconds: int = _TIME) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    os.utime(file, (seconds, seconds))


def test_a_file_that_has_its_time_again_is_not_taken_for_its_copy(tmp_path: Path, bases: dict[bytes, bytes]) -> None:
    """A disk had changed the times of both."""
    file, copy, moved = tmp_path / "root/a", tmp_path / "dest/copy", tmp_path / "dest/moved"
    write(file, "")
    write(copy, "", _CUT)
    before = view_of(bases)
    names = Names(before, frozenset(), frozenset())
    names.at[b"dest/copy"].home = None
    file.unlink()
    write(moved, "", _CUT)
    halfway = view_of(bases)
    assert names.follow(before, halfway, command="organize").wrong == []
    moved.unlink()
    write(file, "")
    back = view_of(bases)
    assert names.follow(halfway, back, command="undo").wrong == []
    assert {path: name.home for path, name in names.at.items()} == {b"root/a": b"root/a", b"dest/copy": None}
    copy.unlink()
    without_copy = view_of(bases)
    assert names.follow(back, without_copy, command="undo").wrong == []
    file.unlink()
    assert names.follow(without_copy, view_of(bases), command="undo").wrong == ["lost: root/a with b''"]


def test_an_edited_copy_has_the_role_of_the_one_that_was_set_aside(tmp_path: Path, bases: dict[bytes, bytes]) -> None:
    """Where inode numbers do not last, the copy is taken for the file, until others edit it."""
    file, aside, copy = tmp_path / "root/a", tmp_path / "root/.fileorg-1-2-old.part", tmp_path / "dest/a"
    write(file, "one")
    before = view_of(bases)
    names = Names(before, frozenset({b"root"}), frozenset())
    file.rename(aside)
    write(copy, "one")
    assert names.follow(before, view_of(bases), command="organize").wrong == []
    edited, kept = names.at[b"dest/a"], names.at[b"root/.fileorg-1-2-old.part"]
    assert (edited.home, kept.home) == (b"root/a", None)
    assert names.comes_home(edited)
    assert (kept.home, kept.alike, edited.alike) == (b"root/a", frozenset(), frozenset({b"root/a"}))


def test_a_symlink_by_fileorg_stays_with_a_file_that_was_named(tmp_path: Path) -> None:
    for name in ("root", "dest"):
        (tmp_path / name).mkdir()
    root, dest = (Place("tmpfs", tmp_path / name) for name in ("root", "dest"))
    file, trash = root.path / "film.mkv", root.path / ".fileorg/trash/2"
    write(file, "one")
    runner = Processes(tmp_path / "scratch")
    world = World(runner, root, dest, tmp_path, state_inside=False, max_open=0, control="")
    world.begin()
    trash.mkdir(parents=True)
    file.rename(trash / "film.mkv")
    (trash / "x.qqq").symlink_to("film.mkv")
    (root.path / "x.qqq").symlink_to(".fileorg/trash/2/film.mkv")
    moved = world._take()
    assert world.names.follow(world.view, moved, command="organize").wrong == []
    world.view = moved
    links = [world.names.at[path] for path in (b"root/x.qqq", b"root/.fileorg/trash/2/x.qqq")]
    links[1].trashed_from = b"root/x.qqq"
    said = "1 file could not be processed:\n  .fileorg/trash/2/film.mkv: another file has taken its place"
    assert [world._is_named(link, said) for link in links] == [True, True]
    assert [world._is_named(link, "1 file could not be processed") for link in links] == [False, False]
    (trash / "film.mkv").rename(file)
    back = world._take()
    assert world.names.follow(moved, back, command="undo").wrong == []
    world.view = back
    assert [world._is_named(link, said) for link in links] == [False, False]


@pytest.mark.parametrize(
    ("is_refused", "wrong"),
    [(True, []), (False, ["at the end: dest/a.jpg (of root/a.jpg) is not back, and was never named"])],
)
def test_a_file_of_others_at_a_home_is_not_the_one_that_is_missing_there(
    tmp_path: Path, is_refused: bool, wrong: list[str]
) -> None:
    """Others have replaced a file that fileorg had moved, and created another one with the same content at its home."""
    for name in ("root", "dest"):
        (tmp_path / name).mkdir()
    root, dest = Place("exfat", tmp_path / "root"), Place("ext4", tmp_path / "dest")
    file, moved = root.path / "a.jpg", dest.path / "a.jpg"
    write(file, "one")
    world = World(Processes(tmp_path / "scratch"), root, dest, tmp_path, state_inside=False, max_open=0, control="")
    world.begin()
    file.unlink()
    write(moved, "one")
    halfway = world._take()
    assert world.names.follow(world.view, halfway, command="organize").wrong == []
    world.view = halfway
    world.others(lambda: write(moved, "", _TIME + 10), is_edit=False)
    world.others(lambda: write(file, "", _CUT), is_edit=False)
    world._is_refused = is_refused
    assert world._names_at_the_end() == wrong
