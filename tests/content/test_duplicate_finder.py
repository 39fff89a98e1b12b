"""The duplicates found, compared with a search that compares every file with every other."""

from __future__ import annotations

import errno
import os
import tempfile
from array import array
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.content import digest, hashing
from fileorg.content.digest import END_BYTES, SMALL_BYTES
from fileorg.core import bloom as filter_module
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.state import open_state
from fileorg.plan.dedupe_plan import DedupeAction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.content.digest import Answer, Request

DENIED = Reason(ReasonCode.SYSTEM_ERROR, None, errno.EACCES)
BORDERS = (
    1,
    END_BYTES - 1,
    END_BYTES,
    END_BYTES + 1,
    2 * END_BYTES,
    SMALL_BYTES - 1,
    SMALL_BYTES,
    SMALL_BYTES + 1,
    70_000,
)


def compared(root: Path, *, min_size: int = 1) -> set[frozenset[str]]:
    """Return the groups of a tree, one name of each file, by comparing contents."""
    by_content: dict[bytes, dict[int, str]] = defaultdict(dict)
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            path = Path(folder, name)
            if not path.is_symlink() and path.stat().st_size >= min_size:
                by_content[path.read_bytes()].setdefault(path.stat().st_ino, str(path.relative_to(root)))
    return {frozenset(files.values()) for files in by_content.values() if len(files) > 1}


def by_inode(root: Path, groups: Sequence[Sequence[str]]) -> set[frozenset[int]]:
    return {frozenset(os.stat(root / path).st_ino for path in group) for group in groups}


def check(runs: Runs, **options: object) -> None:
    found = runs.duplicates(**options)
    expected = compared(runs.tree.root)
    assert by_inode(runs.tree.root, found) == by_inode(runs.tree.root, [sorted(group) for group in expected])
    assert all(len(group) == len(set(group)) for group in found)


@pytest.mark.parametrize("size", BORDERS)
def test_one_byte_makes_another_file_wherever_it_is(runs: Runs, size: int) -> None:
    content = b"x" * size
    places = sorted({0, size - 1, size // 2, min(size - 1, END_BYTES), max(0, size - END_BYTES - 1)})
    contents = {"a": content, "b": content, "c/d": content}
    contents |= {f"other{place}": content[:place] + b"y" + content[place + 1 :] for place in places}
    contents |= {"other0-twin": b"y" + content[1:]}
    for name, data in contents.items():
        path = runs.tree.path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    groups = sorted(map(sorted, runs.duplicates()))
    assert groups == [["a", "b", "c/d"], ["other0", "other0-twin"]]


def test_hard_links_are_one_file(runs: Runs) -> None:
    runs.tree.write({"a": "same", "b": "same", "only": "linked"})
    os.link(runs.tree.path("a"), runs.tree.path("a2"))
    os.link(runs.tree.path("only"), runs.tree.path("only2"))
    assert len(runs.duplicates()) == 1
    assert sorted(map(sorted, runs.duplicates(with_links=True))) == [["a", "a2", "b"], ["only", "only2"]]
    check(runs)


def test_holes_are_zeros(runs: Runs) -> None:
    size = 3 << 20
    runs.tree.path("zeros").write_bytes(bytes(size))
    for name, data in (("hole", b""), ("middle", b"x"), ("middle2", b"x")):
        with runs.tree.path(name).open("wb") as file:
            file.truncate(size)
            file.seek(size // 2)
            file.write(data)
    assert sorted(map(sorted, runs.duplicates())) == [["hole", "zeros"], ["middle", "middle2"]]


def test_symlinks_and_special_files_are_not_followed(runs: Runs) -> None:
    runs.tree.write({"a": "same", "b": "-> a", "c": "-> .", "d/e": "same"})
    os.mkfifo(runs.tree.path("fifo"))
    assert sorted(map(sorted, runs.duplicates())) == [["a", "d/e"]]


def test_empty_files_are_no_duplicates_unless_asked_for(runs: Runs) -> None:
    runs.tree.write({"a": "", "b": "", "c": "x", "d": "x"})
    assert sorted(map(sorted, runs.duplicates())) == [["c", "d"]]
    assert sorted(map(sorted, runs.duplicates(min_size=0))) == [["a", "b"], ["c", "d"]]


def test_sizes_bound_what_is_compared_and_the_index_forgets_nothing(runs: Runs) -> None:
    runs.tree.write({"a": "x" * 10, "b": "x" * 10, "c": "y" * 100, "d": "y" * 100})
    assert runs.duplicates(max_size=10) == [["a", "b"]]
    assert runs.duplicates(min_size=11) == [["c", "d"]]
    assert len(runs.duplicates()) == 2


def test_a_file_that_cannot_be_read_is_told_and_equals_nothing(of_nobody: Runs) -> None:
    runs = of_nobody
    runs.tree.write({"a": "same", "b": "same", "c": "same"})
    runs.tree.path("b").chmod(0)
    with runs.deduping() as run:
        assert [[member.name for member in group.listed] for group in run.groups()] == [[b"a", b"c"]]
        assert run.reads.named == [(os.fsencode(runs.tree.path("b")), DENIED)]


def test_a_file_that_changes_while_it_is_read_drops_out(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.tree.write({"a": "same", "b": "same", "c": "same"})
    answer_all = digest.answer_all

    def edited_meanwhile(requests: Sequence[Request]) -> list[Answer]:
        runs.tree.write({"b": "else"})
        runs.tree.path("c").unlink()
        return answer_all(requests)

    monkeypatch.setattr(hashing, "answer_all", edited_meanwhile)
    with runs.deduping() as run:
        assert list(run.groups()) == []
        reasons = {os.fsdecode(os.path.basename(path)): reason for path, reason in run.reads.named}
    assert reasons == {"b": Reason(ReasonCode.CHANGED_WHILE_READ), "c": Reason(ReasonCode.GONE)}


# Several processes and very many sizes give the same answer -----------------------------------------------------------


def test_tasks_for_several_processes_give_what_one_finds(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        size = 5 + number % 7 if number % 2 else SMALL_BYTES + number % 3
        path = runs.tree.path(f"{number % 4}/{number}")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes([number % 5]) * size)
    monkeypatch.setattr(hashing, "_FILES_A_TASK", 3)
    monkeypatch.setattr(hashing, "_BYTES_A_TASK", 30_000)
    check(runs)


def test_more_sizes_than_are_kept_exactly(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_module, "_MANY", 5)
    for number in range(40):
        runs.tree.path(str(number)).write_bytes(b"x" * (1 + number % 25))
    check(runs)


def test_more_names_than_are_held_in_memory(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        runs.tree.path(str(number)).write_bytes(b"x" * (1 + number % 7))
    os.link(runs.tree.path("0"), runs.tree.path("linked"))
    held = runs.duplicates()
    monkeypatch.setattr("fileorg.index.duplicate_groups._NAMES_HELD", 5)
    monkeypatch.setattr("fileorg.index.duplicate_groups._PAGE", 2)
    runs.tree.write({"more": "more"})
    assert runs.duplicates() == held
    check(runs)


# Known digests --------------------------------------------------------------------------------------------------------


def asked_for(requests: Sequence[Request]) -> list[bytes]:
    return [request.names.split(b"\0")[at] for request in requests for at in array("H", request.positions)]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that are read. Digests of files that were just written are kept, too."""
    names: list[str] = []
    answer_all = digest.answer_all

    def noting(requests: Sequence[Request]) -> list[Answer]:
        names.extend(map(os.fsdecode, asked_for(requests)))
        return answer_all(requests)

    monkeypatch.setattr(hashing, "answer_all", noting)
    monkeypatch.setattr(digest, "COARSE_NS", -(10**15))
    return names


def test_a_second_run_reads_nothing(runs: Runs, reads: list[str]) -> None:
    big = "b" * (SMALL_BYTES + 5)
    runs.tree.write({"a": "same", "b": "same", "c": "some", "big1": big, "big2": big, "big3": "c" + big[1:]})
    first = runs.duplicates()
    assert sorted(set(reads)) == ["a", "b", "big1", "big2", "big3", "c"]
    reads.clear()
    assert runs.duplicates() == first
    assert reads == []


def test_what_has_changed_is_read_again_and_nothing_else(runs: Runs, reads: list[str]) -> None:
    runs.tree.write({"a": "same", "b": "same", "c/d": "same", "c/e": "some"})
    runs.duplicates()
    reads.clear()
    runs.tree.write({"b": "sane", "f": "sane"})
    assert sorted(map(sorted, runs.duplicates())) == [["a", "c/d"], ["b", "f"]]
    assert sorted(reads) == ["b", "f"]


def test_a_folder_that_was_renamed_is_not_read_again(runs: Runs, reads: list[str]) -> None:
    runs.tree.write({"a/1": "same", "b/2": "same", "b/3": "x" * (SMALL_BYTES + 1), "a/4": "x" * (SMALL_BYTES + 1)})
    runs.duplicates()
    reads.clear()
    runs.tree.path("a").rename(runs.tree.path("z"))
    assert sorted(map(sorted, runs.duplicates())) == [["b/2", "z/1"], ["b/3", "z/4"]]
    assert reads == []


def test_our_own_moves_are_not_read_again(runs: Runs, reads: list[str]) -> None:
    runs.tree.write(
        {"a.jpg": "same", "b/b.jpg": "same", "c.pdf": "x" * (SMALL_BYTES + 1), "b/d.pdf": "x" * (SMALL_BYTES + 1)}
    )
    groups = len(runs.duplicates())
    for move in (
        partial(runs.organize, recursive=True),
        runs.undo,
        runs.redo,
        runs.undo,
    ):
        reads.clear()
        assert move().done == 4
        assert (len(runs.duplicates()), reads) == (groups, [])


@pytest.mark.parametrize("action", [DedupeAction.QUARANTINE, DedupeAction.HARDLINK, DedupeAction.SYMLINK])
def test_what_we_do_to_duplicates_is_not_read_again(runs: Runs, reads: list[str], action: DedupeAction) -> None:
    runs.tree.write({"a": "same", "b": "same", "c": "some"})
    runs.duplicates()
    reads.clear()
    assert runs.dedupe(action).done == 1
    assert (runs.duplicates(), reads) == ([], [])
    assert runs.undo().done == 1
    assert (runs.duplicates(), reads) == ([["a", "b"]], [])


def test_an_edit_that_puts_the_time_back_before_our_move_is_seen(runs: Runs, reads: list[str]) -> None:
    runs.tree.write({"a.jpg": "same", "b.jpg": "same"})
    before = runs.tree.path("a.jpg").stat()
    runs.duplicates()
    runs.tree.write({"a.jpg": "sane"})
    os.utime(runs.tree.path("a.jpg"), ns=(before.st_atime_ns, before.st_mtime_ns))
    runs.organize()
    reads.clear()
    assert (runs.duplicates(), reads) == ([], ["a.jpg"])


def test_an_edit_that_puts_the_time_back_is_seen(runs: Runs, reads: list[str]) -> None:
    runs.tree.write({"a": "same", "b": "same"})
    before = runs.tree.path("a").stat()
    assert len(runs.duplicates()) == 1
    runs.tree.write({"a": "sane"})
    os.utime(runs.tree.path("a"), ns=(before.st_atime_ns, before.st_mtime_ns))
    reads.clear()
    assert runs.duplicates() == []
    assert reads == ["a"]


def test_what_was_just_written_is_read_again(runs: Runs) -> None:
    """The file could be written again within the same clock tick, without a visible change."""
    runs.tree.write({"a": "same", "b": "same"})
    assert len(runs.duplicates()) == 1
    with runs.deduping() as run:
        assert run.reads.files == 2


# Random trees and changes ---------------------------------------------------------------------------------------------

_SIZES = st.sampled_from([0, 1, 2, END_BYTES, SMALL_BYTES, SMALL_BYTES + 1, 2 * SMALL_BYTES])
_FILE = st.tuples(
    st.sampled_from("abc"), st.integers(0, 5), _SIZES, st.sampled_from(["same", "head", "tail", "middle"])
)
_CHANGE = st.sampled_from(["write", "link", "rename", "remove"])


def _content(size: int, kind: str) -> bytes:
    place = {"same": size, "head": 0, "tail": size - 1, "middle": size // 2}[kind]
    return b"".join(b"y" if at == place else b"x" for at in range(size)) if size < 10 else (
        b"x" * place + (b"y" + b"x" * (size - place - 1) if place < size else b"")
    )  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(st.tuples(_CHANGE, _FILE, _FILE), max_size=8), min_size=1, max_size=4))
def test_after_any_changes_the_groups_are_those_of_a_comparison(rounds: list[list[tuple[str, Any, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(digest, "COARSE_NS", -(10**15))
        runs = Runs(Tree(Path(folder) / "tree"), open_state(os.fsencode(Path(folder) / "state")))
        for changes in rounds:
            for kind, (where, number, size, content), (other, other_number, *_) in changes:
                path, second = (runs.tree.path(f"{w}/{n}") for w, n in ((where, number), (other, other_number)))
                for each in (path, second):
                    each.parent.mkdir(exist_ok=True)
                match kind:
                    case "link" if path.exists() and not second.exists():
                        os.link(path, second)
                    case "rename" if path.exists():
                        path.rename(second)
                    case "remove":
                        path.unlink(missing_ok=True)
                    case _:
                        path.write_bytes(_content(size, content))
            check(runs)
