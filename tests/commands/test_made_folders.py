"""The owner and the mode of folders that root makes in a user's folder; and undo removes these folders."""

from __future__ import annotations

import os
import stat
import struct
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import open_again, recovered

from fileorg.core.model import OnConflict
from fileorg.plan.dedupe_plan import DedupeAction
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.runs import Runs
    from tests.support.tree import Tree

ANN, USERS = 12345, 23456
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders for others")


def is_now(tree: Tree, path: str) -> tuple[int, int, str]:
    """Return owner, group and mode."""
    seen = os.lstat(tree.path(path))
    return seen.st_uid, seen.st_gid, f"{stat.S_IMODE(seen.st_mode):o}"


def of_ann(tree: Tree, mode: int, *paths: str) -> None:
    """Give the root of the tree, and the entries at these paths, to Ann."""
    for path in ("", *paths):
        os.chown(tree.path(path), ANN, USERS)
    tree.root.chmod(mode)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@needs_root
@pytest.mark.parametrize(
    ("above", "made"),
    [
        (0o755, "755"), (0o700, "700"), (0o775, "775"), (0o2775, "2775"), (0o750, "750"), (0o2770, "2770"),
        (0o777, "777"), (0o1777, "755"), (0o1775, "755"), (0o3770, "2750"), (0o500, "700"), (0o711, "711"),
    ],
)  # fmt: skip
def test_a_folder_belongs_to_whom_the_one_above_belongs(tree: Tree, runs: Runs, above: int, made: str) -> None:
    tree.write({"a.pdf": "1", "b.jpg": "2"})
    of_ann(tree, above, "a.pdf", "b.jpg")
    before = tree.snapshot()
    runs.organize()
    assert is_now(tree, "Documents") == is_now(tree, "Images") == (ANN, USERS, made)
    after = tree.snapshot()
    for _ in range(2):
        assert runs.undo().problems == []
        assert tree.snapshot() == before
        assert runs.redo().problems == []
        assert tree.snapshot() == after


@needs_root
def test_folders_in_folders_that_are_made(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1"})
    of_ann(tree, 0o2770, "a.pdf")
    runs.organize(template="x/{year}/{category}/{name}")
    year = os.listdir(tree.path("x"))[0]
    for path in ("x", f"x/{year}", f"x/{year}/Documents"):
        assert is_now(tree, path) == (ANN, USERS, "2770")


@needs_root
def test_a_group_alone_is_passed_on(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1"})
    os.chown(tree.root, 0, USERS)
    tree.root.chmod(0o775)
    runs.organize()
    assert is_now(tree, "Documents") == (0, USERS, "775")


@needs_root
def test_in_folders_of_root_the_umask_decides(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1"})
    tree.root.chmod(0o777)
    os.umask(0o027)
    runs.organize()
    assert is_now(tree, "Documents") == (0, 0, "750")


def test_who_is_not_root_has_his_umask(of_nobody: Runs) -> None:
    tree = of_nobody.tree
    tree.write({"a.pdf": "1"})
    tree.root.chmod(0o777)
    os.umask(0o027)
    of_nobody.organize()
    assert is_now(tree, "Documents")[2] == "750"


@needs_root
def test_a_destination_that_is_made(tree: Tree, runs: Runs) -> None:
    tree.write({"in/a.pdf": "1", "home/": ""})
    os.chown(tree.path("home"), ANN, USERS)
    tree.path("home").chmod(0o750)
    runs.organize(root=tree.path("in"), dest=tree.path("home/new/deep"))
    for path in ("home/new", "home/new/deep", "home/new/deep/Documents"):
        assert is_now(tree, path) == (ANN, USERS, "750")
    runs.undo()
    assert tree.read() == {"in/a.pdf": "1", "home/": ""}


@needs_root
@pytest.mark.parametrize("command", ["dedupe", "clean", "keep-newer"])
def test_the_trash_is_private_and_of_the_same_owner(tree: Tree, runs: Runs, command: str) -> None:
    tree.write({"x/a.dat": "same", "x/b.dat": "same", "x/empty": ""})
    of_ann(tree, 0o775, "x")
    before = tree.snapshot()
    if command == "dedupe":
        runs.dedupe_of(roots=[tree.root], action=DedupeAction.QUARANTINE)
    elif command == "clean":
        runs.clean()
    else:
        tree.write({"Images/a.jpg": "older", "a.jpg": "newer"})
        tree.set_time("Images/a.jpg", 10**18)
        runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    for path in (".fileorg", ".fileorg/trash", ".fileorg/trash/1"):
        assert is_now(tree, path) == (ANN, USERS, "700")
    runs.undo()
    if command != "keep-newer":
        assert tree.snapshot() == before


@needs_root
def test_empty_folders_of_a_user_go_and_come_back_as_they_were(tree: Tree, runs: Runs) -> None:
    tree.write({"a/b/c/": "", "a/root/": "", "full": "x"})
    for path, mode in (("a", 0o755), ("a/b", 0o2750), ("a/b/c", 0o700)):
        os.chown(tree.path(path), ANN, USERS)
        tree.path(path).chmod(mode)
    os.chown(tree.root, ANN, USERS)
    before = tree.snapshot()
    outcome = runs.clean()
    assert outcome.done == 2
    assert tree.path("a/root").is_dir()  # a new folder would be Ann's
    runs.undo()
    assert tree.snapshot() == before


def access_list(*, group: int) -> bytes:
    """Return a default access list: all rights for the owner, `group` for the owning group, none for others."""
    entries = [(0x01, 7, -1), (0x04, group, -1), (0x20, 0, -1)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)


@needs_root
def test_with_a_default_access_list_the_kernel_has_the_word(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1"})
    of_ann(tree, 0o777)
    try:
        os.setxattr(tree.root, "system.posix_acl_default", access_list(group=5))
    except OSError as error:
        pytest.skip(f"no access lists here: {error.strerror}")
    before = tree.snapshot()
    runs.organize()
    assert is_now(tree, "Documents") == (ANN, USERS, "750")
    assert os.getxattr(tree.path("Documents"), "system.posix_acl_default") == access_list(group=5)
    runs.undo()
    assert tree.snapshot() == before


# A crash between the steps --------------------------------------------------------------------------------------------


@needs_root
@pytest.mark.parametrize(
    ("owner", "mode"),
    [((0, 0), 0o700), ((0, USERS), 0o2700), ((ANN, USERS), 0o700), ((ANN, USERS), 0o2700), ((ANN, USERS), 0o2775)],
    ids=["made", "made with its group", "given away", "given away with its group", "ready"],
)
@pytest.mark.parametrize("then", ["recovery", "undo"])
def test_what_a_crash_left_half_made_is_completed(
    tree: Tree, runs: Runs, owner: tuple[int, int], mode: int, then: str
) -> None:
    tree.write({"a.pdf": "1"})
    of_ann(tree, 0o2775, "a.pdf")
    before = tree.snapshot()
    runs.organize()
    open_again(runs)
    tree.path("Documents/a.pdf").rename(tree.path("a.pdf"))
    os.chown(tree.path("Documents"), *owner)
    tree.path("Documents").chmod(mode)
    recovered(runs)
    assert is_now(tree, "Documents") == (ANN, USERS, "2775")
    if then == "undo":
        runs.undo()
        assert tree.snapshot() == before


@needs_root
def test_what_others_did_with_it_since_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1"})
    of_ann(tree, 0o2775, "a.pdf")
    runs.organize()
    open_again(runs)
    tree.path("Documents").chmod(0o700)  # it was complete: a file was moved into it
    recovered(runs)
    assert is_now(tree, "Documents") == (ANN, USERS, "700")


@needs_root
@pytest.mark.parametrize("what", ["a full folder of root", "a folder of another", "a symlink"])
def test_what_is_put_in_its_place_is_not_given_away(tree: Tree, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """The owner of the parent folder replaces the new folder just after it was made."""
    tree.write({"in/": "", "secret/key": "x", "other/": ""})
    os.chown(tree.path("in"), ANN, USERS)
    os.chown(tree.path("other"), 54321, 54321)
    for path in ("secret", "other"):
        tree.path(path).chmod(0o700)
    place = {"a full folder of root": "secret", "a folder of another": "other", "a symlink": "secret"}[what]
    mkdir = os.mkdir

    def swapped(name: bytes, mode: int, *, dir_fd: int) -> None:
        mkdir(name, mode, dir_fd=dir_fd)
        os.rmdir(name, dir_fd=dir_fd)
        if what == "a symlink":
            os.symlink("../secret", name, dir_fd=dir_fd)
        else:
            os.rename(tree.path(place), tree.path("in/new"))

    storage = LocalStorage(os.fsencode(tree.path("in")))
    monkeypatch.setattr(os, "mkdir", swapped)
    storage.make_folder(b"", b"new")
    monkeypatch.undo()
    storage.close()
    there = place if what == "a symlink" else "in/new"
    assert is_now(tree, there) == ((54321, 54321, "700") if place == "other" else (0, 0, "700"))


@needs_root
def test_where_owners_cannot_be_given_the_folder_is_made_all_the_same(
    tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"a.pdf": "1"})
    of_ann(tree, 0o775)

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refused)
    assert runs.organize().problems == []
    assert is_now(tree, "Documents") == (0, 0, "775")
