"""`fileorg compare`: exactly the files whose content is nowhere else, against a plain comparison by SHA-256."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.commands.test_properties import tried
from tests.support.disks import NotTested, plugged_in
from tests.support.tree import Tree

from fileorg.core.errors import GuardRefused, UsageError
from fileorg.core.events import NullReporter
from fileorg.core.state import open_state
from fileorg.index.index import Index
from fileorg.rules.filters import Filters
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.compare import CompareOptions, comparing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.runs import Runs

    from fileorg.core.state import StateDirectory
    from fileorg.workflows.compare import Side

_LARGE = "x" * 20_000
"""Content that is compared by its ends first."""


def missing(old: Path, new: Path, state: StateDirectory, **options: Any) -> list[str]:
    """Return the missing files by relative path, sorted."""
    with compared(old, new, state, **options) as side:
        return sorted(relative(side))


@contextlib.contextmanager
def compared(old: Path, new: Path, state: StateDirectory, **options: Any) -> Iterator[Side]:
    chosen = CompareOptions(os.fsencode(old), [os.fsencode(new)], **options)
    with comparing(chosen, state, NullReporter()) as found:
        yield found.sides[0]


def relative(side: Side) -> list[str]:
    return [os.fsdecode(os.path.join(file.folder, file.name)) for file in side.found.files()]


def plainly_missing(old: Path, new: Path) -> list[str]:
    """Return the same by SHA-256; files without content are not compared."""
    there = {digest for _, digest in contents(new)}
    return sorted(path for path, digest in contents(old) if digest not in there)


def contents(root: Path) -> Iterator[tuple[str, str]]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink() and path.stat().st_size:
                yield os.path.relpath(path, root), hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def new(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "new")


def test_planted_differences(tree: Tree, new: Tree, state: StateDirectory) -> None:
    same = {f"kept/{number}.txt": f"content {number}" for number in range(50)} | {"large.bin": _LARGE}
    tree.write(same | {"gone.txt": "only here", "edges.bin": _LARGE[:10_000] + "y" + _LARGE[10_001:]})
    tree.write({"cut.bin": _LARGE[:-1], "moved/a.txt": "moved", "old-name.txt": "renamed", "same-size.txt": "abc"})
    tree.write({"empty.txt": "", "hollow/": "", "link": "-> gone.txt", ".hidden": "h", ".git/objects/aa": "tooling"})
    tree.write({"film.mkv.part": "unfinished", ".fileorgignore": "*.txt\n"})
    os.link(tree.path("gone.txt"), tree.path("second name.txt"))
    new.write({**same, "elsewhere/a.txt": "moved", "new-name.txt": "renamed", "same-size.txt": "abd"})
    with open(tree.path("hole.bin"), "wb") as file:
        file.truncate(1 << 20)
    new.path("zeros.bin").write_bytes(bytes(1 << 20))

    with compared(tree.root, new.root, state) as side:
        assert sorted(relative(side)) == [
            ".git/objects/aa", ".hidden", "cut.bin", "edges.bin", "film.mkv.part", "gone.txt", "same-size.txt",
            "second name.txt",
        ]  # fmt: skip
        sums = side.found.sums
        assert (sums.files, sums.missing, sums.empty) == (62, 8, 1)
        assert (side.seen.empty_folders, side.seen.links) == (1, 1)
        folders = {(each.folder, each.is_whole, each.files, each.missing) for each in side.found.folders()}
        assert folders == {(b"", False, 10, 7), (b".git", True, 1, 1)}
        assert not side.is_complete


@tried
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["old", "new"]),
            st.sampled_from(["", "a/", "a/b/", ".git/", "c d/", "a.b/"]),
            st.sampled_from(["x", "y.txt", ".z", "w.part", "v.jpg.xmp", "v.jpg"]),
            st.sampled_from(["", "1", "2", "12", _LARGE, _LARGE[1:] + "y", _LARGE[:9000] + "y" + _LARGE[9001:]]),
            st.sampled_from(["", "", "link", "a/link"]),
        ),
        max_size=14,
    ),
    st.booleans(),
)
def test_any_two_trees(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, str, str, str, str]], paranoid: bool
) -> None:
    around = tmp_path_factory.mktemp("around")
    places = {name: Tree(around / name) for name in ("old", "new")}
    for side, folder, name, content, link in files:
        with contextlib.suppress(FileExistsError):
            places[side].write({folder + name: content})
            if link:
                other = places["new" if len(link) > 4 else side].path(link)
                other.parent.mkdir(exist_ok=True)
                os.link(places[side].path(folder + name), other)
    old, new = (places[name].root for name in ("old", "new"))
    state = open_state(os.fsencode(around / "state"))
    before = places["old"].snapshot(), places["new"].snapshot()
    for _ in range(2):  # with what the first run remembers, too
        assert missing(old, new, state, paranoid=paranoid) == plainly_missing(old, new)
    assert missing(old, new, state, paranoid=paranoid, reverse=True) == plainly_missing(new, old)
    with compared(old, new, state) as found:
        assert whole_folders(found) == plainly_whole(old, set(relative(found)))
    assert before == (places["old"].snapshot(), places["new"].snapshot())
    shutil.rmtree(around)


def whole_folders(side: Side) -> set[str]:
    return {os.fsdecode(each.folder) for each in side.found.folders() if each.is_whole}


def plainly_whole(root: Path, gone: set[str]) -> set[str]:
    """Return the uppermost folders whose files with content are all missing."""
    files = [path for path, _ in contents(root)]
    above = {path.rpartition("/")[0] for path in files}
    above |= {part for path in above for part in _parents(path)}
    whole = {folder for folder in above if all(path in gone for path in files if _is_in(path, folder))}
    return {folder for folder in whole if not whole.intersection(_parents(folder))}


def _parents(folder: str) -> list[str]:
    parts = folder.split("/")
    return [] if not folder else ["", *("/".join(parts[:count]) for count in range(1, len(parts)))]


def _is_in(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


@pytest.mark.parametrize(("lasts", "reads"), [(True, 0), (False, 2)])
def test_a_name_of_the_same_file_is_read_where_inode_numbers_do_not_last(
    tree: Tree, new: Tree, state: StateDirectory, monkeypatch: pytest.MonkeyPatch, lasts: bool, reads: int
) -> None:
    """On some file systems in user space, two files may have the same number."""
    monkeypatch.setattr(LocalStorage, "has_stable_inodes", lambda *_: lasts)
    tree.write({"a": "one"})
    new.write({"other": "of another size"})
    new.path("b").hardlink_to(tree.path("a"))
    options = CompareOptions(os.fsencode(tree.root), [os.fsencode(new.root)], Filters())
    with comparing(options, state, NullReporter(), changes=False) as found:
        assert (found.sides[0].is_complete, found.reads.files) == (True, reads)


def test_a_second_run_reads_nothing_that_is_unchanged(tree: Tree, new: Tree, state: StateDirectory) -> None:
    for place in (tree, new):
        place.write({f"{number}.txt": f"{number:05}" for number in range(20)})
        for number in range(20):
            os.utime(place.path(f"{number}.txt"), ns=(10**18, 10**18))
    wait_for_the_clock(tree, new)
    reads = []
    for _ in range(2):
        chosen = CompareOptions(os.fsencode(tree.root), [os.fsencode(new.root)])
        with comparing(chosen, state, NullReporter()) as found:
            reads.append(found.reads.files)
    assert reads == [40, 0]


def wait_for_the_clock(*trees: Tree) -> None:
    """Wait until the files are older than a coarse timestamp: digests of younger ones are not kept."""
    newest = max(path.stat().st_ctime_ns for tree in trees for path in tree.root.iterdir())
    time.sleep(max(0.0, (newest + 2_050_000_000 - time.time_ns()) / 1e9))


def test_a_file_that_cannot_be_read_is_missing(of_nobody: Any, tmp_path: Path) -> None:
    tree, state = of_nobody.tree, of_nobody.state
    new = Tree(tree.root.parent / "new")
    tree.write({"closed.txt": "same", "open.txt": "same", "shut/in.txt": "same"})
    new.write({"a.txt": "same"})
    tree.path("closed.txt").chmod(0)
    tree.path("shut").chmod(0)
    try:
        with compared(tree.root, new.root, state) as side:
            assert (relative(side), side.seen.unreadable_count) == (["closed.txt"], 1)
        tree.path("closed.txt").chmod(0o600)
        with compared(tree.root, new.root, state) as side:  # the folder may hold anything
            assert (relative(side), side.is_complete) == ([], False)
    finally:
        tree.path("shut").chmod(0o700)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (Filters(include=["*.jpg"]), ["a.jpg", "sub/b.jpg"]),
        (Filters(exclude=["sub/"]), ["a.jpg", "c.txt"]),
        (Filters(max_depth=0), ["a.jpg", "c.txt"]),
        (Filters(min_size=5), ["c.txt"]),
        (Filters(newer_than_ns=2 * 10**18), ["sub/b.jpg"]),
    ],
)
def test_filters_choose_files_of_old_only(
    filters: Filters, names: list[str], tree: Tree, new: Tree, state: StateDirectory
) -> None:
    tree.write({"a.jpg": "a", "sub/b.jpg": "b", "c.txt": "ccccc", "kept.jpg": "kept!", "sub/kept.jpg": "same"})
    new.write({"deep/deeper/kept.bin": "kept!", "old.bin": "same"})
    for path in ("a.jpg", "c.txt", "kept.jpg"):
        tree.date(path, "2001-01-01")
    for path in ("sub/b.jpg", "sub/kept.jpg"):
        tree.set_time(path, 3 * 10**18)
    assert missing(tree.root, new.root, state, filters=filters) == names


def test_paranoid_does_not_trust_a_digest(tree: Tree, new: Tree, state: StateDirectory) -> None:
    tree.write({"a.bin": _LARGE})
    new.write({"b.bin": _LARGE[:10_000] + "y" + _LARGE[10_001:]})
    assert missing(tree.root, new.root, state) == ["a.bin"]
    with Index(state.index) as index, index.guarded():
        digests = index.digests()
        for root in (tree.root, new.root):
            (known,) = digests.walk(index.version(os.fsencode(root))[0])
            digests.put([known._replace(full_digests=b"d" * 16, edge_digests=b"e" * 8)])
    assert missing(tree.root, new.root, state) == []
    assert missing(tree.root, new.root, state, paranoid=True) == ["a.bin"]


@pytest.mark.parametrize(
    ("old", "new_", "said"),
    [
        ("tree", "tree", "the same folder"),
        ("tree", "tree/sub", "is inside"),
        ("tree/sub", "tree", "is inside"),
        ("tree", "alias", "the same folder"),
        ("tree", "nowhere", "There is no folder"),
        ("nowhere", "tree", "There is no folder"),
    ],
)
def test_folders_that_cannot_be_compared(
    old: str, new_: str, said: str, tree: Tree, state: StateDirectory, tmp_path: Path
) -> None:
    tree.write({"sub/a.txt": "a"})
    (tmp_path / "alias").symlink_to("tree")
    with pytest.raises(UsageError, match=said):
        missing(tmp_path / old, tmp_path / new_, state)


def copied(old: Path, new: Path, dest: Path, state: StateDirectory, **options: Any) -> int:
    """Copy the missing files; return their number."""
    chosen = CompareOptions(os.fsencode(old), [os.fsencode(new)], dest=os.fsencode(dest), **options)
    with comparing(chosen, state, NullReporter(), changes=True) as run:
        return run.run().done if run.plan.files else 0


def test_missing_files_are_copied_with_their_folders(tree: Tree, new: Tree, runs: Runs, tmp_path: Path) -> None:
    tree.write({"a/1.txt": "one", "a/b/2.txt": "two", "a/b/again.txt": "two", "kept.txt": "kept", ".h/3": "three"})
    new.write({"elsewhere": "kept"})
    before = tree.snapshot(), new.snapshot()
    assert copied(tree.root, new.root, tmp_path / "made" / "dest", runs.state) == 4
    rescued = {path: (tmp_path / "made" / "dest" / path).read_text() for path in ("a/1.txt", "a/b/2.txt", ".h/3")}
    assert rescued == {"a/1.txt": "one", "a/b/2.txt": "two", ".h/3": "three"}
    assert copied(tree.root, new.root, tmp_path / "made" / "dest", runs.state) == 0
    assert (tree.snapshot(), new.snapshot()) == before
    runs.undo()
    assert not (tmp_path / "made").exists()


def test_a_taken_name_gets_a_number_and_nothing_is_overwritten(tree: Tree, new: Tree, runs: Runs) -> None:
    tree.write({"a.txt": "mine", "a (2).txt": "mine, too", "b/c.txt": "c"})
    new.write({"to/a.txt": "other", "to/a (2).txt": "another", "to/b/c.txt": "not c"})
    before = new.snapshot()
    assert copied(tree.root, new.root, new.path("to"), runs.state) == 3
    assert new.read() == {
        "to/a.txt": "other", "to/a (2).txt": "another", "to/b/c.txt": "not c",
        "to/a (3).txt": "mine", "to/a (2) (2).txt": "mine, too", "to/b/c (2).txt": "c",
    }  # fmt: skip
    runs.undo()
    assert new.snapshot() == before


def test_the_copies_are_never_put_into_the_compared_folder(tree: Tree, new: Tree, state: StateDirectory) -> None:
    tree.write({"sub/a.txt": "a"})
    for dest in (tree.path("sub"), tree.path("made/here"), tree.root):
        with pytest.raises(UsageError, match=r"is inside|the same folder"):
            copied(tree.root, new.root, dest, state)
    assert tree.read() == {"sub/a.txt": "a"}


def test_nothing_is_copied_from_a_folder_that_undo_refuses(new: Tree, state: StateDirectory) -> None:
    with pytest.raises(GuardRefused, match="belongs to the system"):
        copied(Path("/etc"), new.root, new.path("to"), state)
    with pytest.raises(GuardRefused, match="own state directory"):
        copied(Path(os.fsdecode(state.path)), new.root, new.path("to"), state)
    assert new.read() == {}


@pytest.mark.root
@pytest.mark.parametrize("above", ["", ".."])
def test_another_card_with_the_same_names_sizes_and_times(
    above: str, tmp_path: Path, new: Tree, state: StateDirectory
) -> None:
    new.write({"1.jpg": "one"})
    try:
        with plugged_in("exfat", tmp_path / "cards") as card:
            old = card.place / above

            def fill(content: str) -> None:
                (card.place / "1.jpg").write_text(content)
                os.utime(card.place / "1.jpg", (10**9, 10**9))

            fill("one")
            assert missing(old, new.root, state, filters=Filters(include=["*.jpg"])) == []
            card.unmount()
            (other := card.another(tmp_path)).mount()
            fill("two")
            found = missing(old, new.root, state, filters=Filters(include=["*.jpg"]))
            assert [os.path.basename(path) for path in found] == ["1.jpg"]
            other.unmount()
            card.mount()
    except NotTested as reason:
        pytest.skip(str(reason))
