"""Plans that someone else wrote: what they do, what is refused, and that all of it can be taken back."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import random
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.disks import bound
from tests.support.snapshot import differences, take

from fileorg.content.keeper import Keep
from fileorg.core.errors import Exit, GuardRefused
from fileorg.core.events import NullReporter
from fileorg.core.model import Action, RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.core.row_problems import RowFault
from fileorg.plan.dedupe_plan import DedupeAction
from fileorg.report.row_sentences import line_of_row
from fileorg.workflows.apply_plan import RowsRefused
from fileorg.workflows.undo import UndoOptions, undoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.runs import Runs
    from tests.support.tree import Tree


def refused(runs: Runs, *rows: dict[str, Any], **options: Any) -> list[tuple[int, RowFault]]:
    """Return line and fault of each problem, once it is sure that nothing was changed."""
    return [(problem.line, problem.fault) for problem in _problems(runs, *rows, **options)]


def _problems(runs: Runs, *rows: dict[str, Any], **options: Any) -> list[Any]:
    before = take(os.fsencode(runs.tree.root))
    with pytest.raises(RowsRefused) as caught:
        runs.apply(rows, **options)
    assert take(os.fsencode(runs.tree.root)) == before
    assert all(line_of_row(problem).isprintable() for problem in caught.value.problems)
    return list(caught.value.problems)


def refused_text(runs: Runs, text: bytes, **options: Any) -> list[tuple[int, RowFault]]:
    before = take(os.fsencode(runs.tree.root))
    with runs.applying_text(text, **options) as run, pytest.raises(RowsRefused) as caught:
        run.run()
    assert caught.value.exit_code is Exit.USAGE
    assert take(os.fsencode(runs.tree.root)) == before
    return [(problem.line, problem.fault) for problem in caught.value.problems]


def move(path: str, new_path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "new_path": new_path, **more}


# What plans do --------------------------------------------------------------------------------------------------------


def test_names_are_exchanged(runs: Runs) -> None:
    runs.tree.write({"a": "one", "b": "two"})
    outcome = runs.apply([move("a", "b"), move("b", "a")])
    assert outcome.done == 2
    assert runs.tree.read() == {"a": "two", "b": "one"}
    assert runs.undo().done == 2
    assert runs.tree.read() == {"a": "one", "b": "two"}


def test_a_chain_in_any_order(runs: Runs) -> None:
    files = {f"{number:03}": str(number) for number in range(200)}
    runs.tree.write(files)
    rows = [move(f"{number:03}", f"{number + 1:03}") for number in range(200)]
    random.Random(7).shuffle(rows)
    assert runs.apply(rows).done == 200
    assert runs.tree.read() == {f"{number + 1:03}": str(number) for number in range(200)}
    assert runs.undo().done == 200
    assert runs.tree.read() == files


def test_an_undo_with_rename_gives_exchanged_names_back(runs: Runs) -> None:
    first = {"a": "one", "b": "two", "c": "three", "d": "four"}
    runs.tree.write(first)
    runs.apply([move("a", "b"), move("b", "a"), move("c", "d"), move("d", "e")])
    assert runs.undo(rename=True).done == 4
    assert runs.tree.read() == first


@pytest.mark.parametrize("rows", [[move("a", "b"), move("b", "a")], [move("a", "b"), move("b", "c")]])
def test_what_came_back_is_not_taken_for_what_is_gone(runs: Runs, rows: list[dict[str, Any]]) -> None:
    runs.tree.write({"a": "one", "b": "two"})
    runs.apply(rows)
    os.unlink(runs.tree.path("b"))  # the first of them
    for changed in (False, True, True):
        undone = runs.undo(1, include_changed=changed)
        assert {problem.reason and problem.reason.code for problem in undone.problems} == {ReasonCode.GONE}
        assert runs.tree.read() == {"b": "two"}


@pytest.mark.parametrize("rows", [[move("a", "b"), move("b", "a")], [move("b", "a"), move("a", "b")]])
def test_what_has_no_way_back_out_of_an_exchange_is_named_once(runs: Runs, rows: list[dict[str, Any]]) -> None:
    """One of them has a temporary name on its way back."""
    runs.tree.write({"a": "one", "b": "two"})
    runs.apply(rows)
    _saved_anew(runs.tree, "b")
    for state in (RecordState.CHANGED, RecordState.MISSING):
        undone = runs.undo(1)
        assert sum(undone.counts.values()) == len(undone.problems) + undone.done
        assert [problem.state for problem in undone.problems if problem.path == b"b"] == [state]
        runs.tree.path("b").unlink()


@pytest.mark.parametrize("mounted_inside", [False, pytest.param(True, marks=pytest.mark.root)])
def test_names_are_exchanged_across_disks(runs: Runs, elsewhere: Path, *, mounted_inside: bool) -> None:
    """In two roots, or in one with a disk that is mounted in it: two names, a cycle with a file that stays on its disk,
    one that crosses all the time, a file and a folder, and a chain.
    """
    text = (
        "a1 far/b1, far/b1 a1, a2 far/b2, far/b2 c2, c2 a2, far/b3 a3, a3 far/d3, far/d3 c3, c3 far/b3,"
        " a4 far/two, far/two far/b4, far/b4 a4, a5 far/b5, far/b5 c5, c5 far/d5, far/d5 new"
    )
    rows, root = [pair.split() for pair in text.split(", ")], runs.tree.root
    first = {old if old != "far/two" else "far/two/in": f"content of {old}" for old, _ in rows}
    with contextlib.ExitStack() as stack:
        if mounted_inside:
            stack.enter_context(bound(str(elsewhere), str(root / "far")))

        def at(path: str) -> str:
            return str(root / path if mounted_inside or "far/" not in path else elsewhere / path.removeprefix("far/"))

        for path, content in first.items():
            os.makedirs(os.path.dirname(at(path)), exist_ok=True)
            Path(at(path)).write_text(content)
        roots = [root] if mounted_inside else [root, elsewhere]
        befores = [take(os.fsencode(each)) for each in roots]
        moved = {at(old): at(new) for old, new in rows}
        after = _contents_of(roots, moved)
        outcome = runs.apply([move(*each) for each in moved.items()], roots=[os.fsencode(each) for each in roots])
        assert (outcome.problems, outcome.done) == ([], len(rows))
        for again in range(2):
            assert _contents_of(roots) == after
            assert runs.undo().problems == []
            for before, each in zip(befores, roots, strict=True):
                assert differences(before, take(os.fsencode(each))) == []
            assert again or runs.redo().problems == []


def _contents_of(roots: list[Path], moved: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Return all files with their contents, under the names that they get."""
    found = {}
    for path in (path for root in roots for path in root.rglob("*") if path.is_file() and ".fileorg" not in path.parts):
        old = next((each for each in (str(path), str(path.parent)) if each in moved), None)
        new = str(path) if old is None else moved[old] + str(path).removeprefix(old)
        found[new] = path.read_text()
    return found


@pytest.mark.root
def test_names_are_exchanged_across_mounts_of_one_disk(runs: Runs, tmp_path: Path) -> None:
    """No rename can do it, although the numbers of the devices are equal."""
    tree, inside = runs.tree, tmp_path / "mounted"
    inside.mkdir()
    tree.write({"a": "1", "far/": "", "c": "3"})
    with bound(str(inside), str(tree.path("far"))):
        tree.write({"far/b": "2"})
        first = tree.read()
        runs.apply([move("a", "far/b"), move("far/b", "c"), move("c", "a")])
        for _ in range(2):
            assert tree.read() == {"a": "3", "far/b": "1", "c": "2"}
            assert runs.undo().problems == []
            assert tree.read() == first
            assert runs.redo().problems == []


def test_a_file_of_two_names_is_not_exchanged_across_disks(runs: Runs, elsewhere: Path) -> None:
    runs.tree.write({"a": "one"})
    os.link(runs.tree.path("a"), runs.tree.path("again"))
    (elsewhere / "b").write_text("two")
    a, b = str(runs.tree.path("a")), str(elsewhere / "b")
    roots = [os.fsencode(runs.tree.root), os.fsencode(elsewhere)]
    assert refused(runs, move(a, b), move(b, a), roots=roots) == [(1, RowFault.HARD_LINKS_TORN), (2, RowFault.TAKEN)]


def test_a_symlink_is_not_exchanged_across_disks(runs: Runs, elsewhere: Path) -> None:
    runs.tree.path("a").symlink_to("nowhere")
    (elsewhere / "b").write_text("two")
    a, b = str(runs.tree.path("a")), str(elsewhere / "b")
    roots = [os.fsencode(runs.tree.root), os.fsencode(elsewhere)]
    assert refused(runs, move(a, b), move(b, a), roots=roots) == [
        (1, RowFault.CYCLE_ON_DISKS),
        (2, RowFault.PART_REFUSED),
    ]


def test_a_file_of_two_names_stays_on_its_disk(runs: Runs, elsewhere: Path) -> None:
    tree = runs.tree
    tree.write({"a": "one", "z": "two"})
    os.link(tree.path("a"), tree.path("again"))
    roots = [os.fsencode(tree.root), os.fsencode(elsewhere)]
    rows = [move(str(tree.path("a")), str(elsewhere / "new/a")), move(str(tree.path("z")), str(elsewhere / "z"))]
    assert refused(runs, *rows, roots=roots) == [(1, RowFault.HARD_LINKS_TORN)]
    assert runs.apply(rows, roots=roots, partial=True).done == 1
    assert tree.read() == {"a": "one", "again": "one"}
    rows = [move(str(tree.path("a")), str(elsewhere / "a"), action="copy"), move(str(tree.path("again")), "new/b")]
    assert runs.apply(rows, roots=roots).problems == []
    assert (tree.read(), (elsewhere / "a").read_text()) == ({"a": "one", "new/b": "one"}, "one")


def test_a_chain_goes_through_two_disks(runs: Runs, elsewhere: Path) -> None:
    runs.tree.write({"a": "one", "c": "three"})
    (elsewhere / "b").write_text("two")
    a, b, c = str(runs.tree.path("a")), str(elsewhere / "b"), str(runs.tree.path("c"))
    roots = [os.fsencode(runs.tree.root), os.fsencode(elsewhere)]
    assert runs.apply([move(a, b), move(b, c), move(c, str(runs.tree.path("d")))], roots=roots).done == 3
    assert (runs.tree.read(), (elsewhere / "b").read_text()) == ({"c": "two", "d": "three"}, "one")
    assert runs.undo().done == 3
    assert (runs.tree.read(), (elsewhere / "b").read_text()) == ({"a": "one", "c": "three"}, "two")


def test_the_digests_of_exchanged_files_are_kept_apart(runs: Runs) -> None:
    runs.tree.write({"a": "same text", "b": "other txt", "c": "same text"})
    assert runs.duplicates() == [["a", "c"]]
    runs.apply([move("a", "b"), move("b", "a")])
    assert runs.duplicates() == [["b", "c"]]


def test_folders_exchange_their_names(runs: Runs) -> None:
    first = {"a/one": "1", "a/deep/er": "2", "b/one": "3", "b/empty/": ""}
    runs.tree.write(first)
    runs.apply([move("a", "b"), move("b", "a")])
    assert runs.tree.read() == {"b/one": "1", "b/deep/er": "2", "a/one": "3", "a/empty/": ""}
    runs.undo()
    assert runs.tree.read() == first


def test_a_file_leaves_a_folder_that_moves(runs: Runs) -> None:
    runs.tree.write({"a/one": "1", "a/two": "2"})
    runs.apply([move("a", "b"), move("a/two", "c/two")])
    assert runs.tree.read() == {"b/one": "1", "c/two": "2"}
    runs.undo()
    assert runs.tree.read() == {"a/one": "1", "a/two": "2"}


def test_a_folder_that_another_file_enters_is_not_removed(runs: Runs) -> None:
    runs.tree.write({"sub/x": "1", "sub/in/y": "2", "n": "3", "gone/z": "4"})
    before = take(os.fsencode(runs.tree.root))
    rows = [move("sub", "other"), move("n", "sub/in/n"), move("gone", "elsewhere")]
    with runs.applying(rows) as run:
        planned = [row for batch in run.plan.batches(100) for row in batch]
        assert [row.target_name for row in planned if row.action is Action.REMOVE_FOLDER] == [b"gone"]
        assert run.run().problems == []
    assert runs.tree.read() == {"other/x": "1", "other/in/y": "2", "sub/in/n": "3", "elsewhere/z": "4"}
    runs.undo()
    assert differences(before, take(os.fsencode(runs.tree.root))) == []


def test_an_empty_folder_that_moves_is_called_so(runs: Runs) -> None:
    runs.tree.write({"one/": "", "two/": "", "three/in/": ""})
    rows = [move("one", "new"), {"path": "two", "action": "trash"}, move("three", "four")]
    outcome = runs.apply(rows)
    categories = {record.target_name: record.category for record in runs.records(outcome.operation) if record.category}
    assert categories == {
        b"one": "moved folder", b"two": "empty folder", b"in": "moved folder", b"three": "emptied folder",
    }  # fmt: skip


def test_empty_folders_exchange_their_names(runs: Runs) -> None:
    runs.tree.write({"p/in/": "", "q/": ""})
    before = take(os.fsencode(runs.tree.root))
    runs.apply([move("p", "q"), move("q", "p")])
    assert runs.tree.read() == {"p/": "", "q/in/": ""}
    runs.undo()
    assert differences(before, take(os.fsencode(runs.tree.root))) == []


def test_a_folder_without_files_is_something_to_do(runs: Runs) -> None:
    runs.tree.write({"p/in/": ""})
    with runs.applying([move("p", "q")]) as run:
        assert run.plan.files == 1
        assert run.run().problems == []
    assert runs.tree.read() == {"q/in/": ""}
    runs.undo()
    assert runs.tree.read() == {"p/in/": ""}


def test_a_folder_keeps_its_mode(runs: Runs) -> None:
    runs.tree.write({"a/deep/one": "1"})
    runs.tree.path("a/deep").chmod(0o700)
    runs.apply([move("a", "b")])
    assert runs.tree.path("b/deep").stat().st_mode & 0o777 == 0o700


def test_every_action(runs: Runs) -> None:
    runs.tree.write({"a": "one", "b": "two", "c": "three", "d": "four", "e/f": "five"})
    before = take(os.fsencode(runs.tree.root))
    rows = [
        move("a", "x/a", action="copy"),
        move("b", "x/b", action="hardlink"),
        move("c", "x/c", action="symlink"),
        {"path": "d", "action": "trash"},
        {"path": "e", "action": "trash"},
    ]
    outcome = runs.apply(rows)
    assert outcome.problem_count == 0
    assert runs.tree.path("x/a").read_text() == "one"
    assert runs.tree.path("x/b").samefile(runs.tree.path("b"))
    assert runs.tree.path("x/c").is_symlink()
    assert not runs.tree.path("d").exists()
    assert not runs.tree.path("e").exists()
    assert runs.undo().problem_count == 0
    assert differences(before, take(os.fsencode(runs.tree.root))) == []


def test_csv_with_a_byte_order_mark_and_semicolons(runs: Runs) -> None:
    runs.tree.write({"a;1": "one", "b": "two"})
    with runs.applying_text('\ufefffrom;to\r\n"a;1";x\r\nb;y\r\n'.encode()) as run:
        run.run()
    assert runs.tree.read() == {"x": "one", "y": "two"}


def test_pairs_with_names_of_any_bytes(runs: Runs) -> None:
    runs.tree.write({"caf\udce9\n": "one", "b": "two"})
    with runs.applying_text(b"caf\xe9\n\0x\0b\0\0", null=True) as run:
        run.run()
    assert runs.tree.path("x").read_text() == "one"
    assert not runs.tree.path("b").exists()


def test_a_json_document_and_absolute_paths(runs: Runs) -> None:
    runs.tree.write({"a": "one"})
    path = str(runs.tree.root)
    with runs.applying_text(f'[\n {{"from": "{path}/a", "to": "{path}/b"}}\n]'.encode()) as run:
        run.run()
    assert runs.tree.read() == {"b": "one"}


def test_partial_does_what_can_be_done(runs: Runs) -> None:
    runs.tree.write({"a": "one", "b": "two", "c": "three"})
    rows = [move("gone", "x"), move("a", "y"), move("b", "c")]
    with runs.applying(rows, partial=True) as run:
        assert run.run().done == 1
        assert [(problem.line, problem.fault) for problem in run.problems()] == [
            (1, RowFault.MISSING),
            (3, RowFault.TAKEN),
        ]
    assert runs.tree.read() == {"y": "one", "b": "two", "c": "three"}


@pytest.mark.parametrize(
    ("first", "rows", "after", "problems"),
    [
        (
            {"a/one": "1", "b/two": "2", "c/": "", "d/three": "3"},
            [("d", "a"), ("a", "b"), ("b", "c")],
            {},
            [(1, RowFault.NOT_VACATED), (2, RowFault.NOT_VACATED), (3, RowFault.TAKEN)],
        ),
        (
            {"a/one": "1", "a/two": "2", "b/one": "3", "b/film.mp4": "4", "b/film.srt": "5", "c": "6"},
            [("a", "b"), ("b", "new"), ("b/film.mp4", "new/other.mp4"), ("c", "d")],
            {"d": "6", "c": None},
            [(1, RowFault.NOT_VACATED), (2, RowFault.PART_REFUSED), (3, RowFault.TEARS_GROUP)],
        ),
        ({"a/in": "1"}, [("a", "b"), ("a", "c")], {}, [(2, RowFault.TWO_ROWS)]),
        ({"a/in": "1", "c": "2"}, [("a", "b"), ("c", "b")], {}, [(1, RowFault.TWICE), (2, RowFault.TWICE)]),
    ],
)  # fmt: skip
def test_partial_moves_no_folder_in_part_nor_into_one_that_stays(
    runs: Runs, first: dict[str, str], rows: list[tuple[str, str]], after: dict[str, str | None],
    problems: list[tuple[int, RowFault]],
) -> None:  # fmt: skip
    runs.tree.write(first)
    before = runs.tree.read()
    with runs.applying([move(*row) for row in rows], partial=True) as run:
        assert sorted({(problem.line, problem.fault) for problem in run.problems()}) == problems
        assert run.run().problems == []
    assert runs.tree.read() == {path: text for path, text in (before | after).items() if text is not None}


def test_a_folder_stays_if_a_row_of_a_file_in_it_is_refused(runs: Runs) -> None:
    runs.tree.write({"one": "1", "two/in": "2", "x": "3"})
    rows = [move("one", "two"), move("two", "one"), move("two/in", "two"), move("x", "y")]
    with runs.applying(rows, partial=True) as run:
        assert [(each.line, each.fault, each.number) for each in run.problems()] == [
            (2, RowFault.PART_REFUSED, 3),
            (3, RowFault.TWICE, 1),
        ]
        assert run.run().done == 1
    assert runs.tree.read() == {"one": "1", "two/in": "2", "y": "3"}


def test_a_row_says_what_must_still_hold(runs: Runs) -> None:
    runs.tree.write({"a": "one"})
    runs.tree.set_time("a", 10**18)
    facts = {"size_bytes": 3, "mtime": "2001-09-09T01:46:40Z", "sha256": hashlib.sha256(b"one").hexdigest()}
    assert refused(runs, move("a", "b", **facts | {"size_bytes": 4})) == [(1, RowFault.OTHER_SIZE)]
    assert refused(runs, move("a", "b", **facts | {"mtime": "2001-09-09T01:46:41Z"})) == [(1, RowFault.OTHER_TIME)]
    assert refused(runs, move("a", "b", **facts | {"sha256": "0" * 64})) == [(1, RowFault.OTHER_CONTENT)]
    assert runs.apply([move("a", "b", **facts)]).done == 1


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mtime", "fault"),
    [
        ("2024-05-01T12:00:00Z", None),
        ("2024-05-01T12:00:00+00:00", None),
        ("2024-05-01 14:00:00+02:00", None),
        ("2024-05-01T12:00:00.25Z", None),
        ("2024-05-01T12:00:00.250000001Z", RowFault.OTHER_TIME),
        ("2024-05-01T12:00:00-01:00", RowFault.OTHER_TIME),
        ("2024-05-01T12:00:00", RowFault.BAD_VALUE),
        ("2024-05-32T12:00:00Z", RowFault.BAD_VALUE),
        ("yesterday", RowFault.BAD_VALUE),
        ("\ud800", RowFault.BAD_VALUE),
    ],
)
def test_a_time_may_be_written_in_other_ways(runs: Runs, mtime: str, fault: RowFault | None) -> None:
    runs.tree.write({"a": "1"})
    os.utime(runs.tree.path("a"), ns=(0, 1_714_564_800_250_000_000))
    if fault is None:
        assert runs.apply([move("a", "b", mtime=mtime)]).done == 1
    else:
        assert refused(runs, move("a", "b", mtime=mtime)) == [(1, fault)]


def test_every_problem_is_told_at_once(runs: Runs) -> None:
    runs.tree.write({"a": "1", "b": "2", "c": "3", "d": "4", "e/f": "5", "taken": "6"})
    rows = [
        move("missing", "x"),
        move("a", "taken"),
        move("b", "same"),
        move("c", "same"),
        move("d", "../outside"),
        move("e", "e/inside"),
        move("e/f", "taken/below"),
        move("taken", "taken"),
        move("/etc/passwd", "x"),
        move("b", "y" * 300),
    ]
    assert refused(runs, *rows) == [
        (1, RowFault.MISSING),
        (2, RowFault.TAKEN),
        (4, RowFault.TWICE),
        (5, RowFault.OUTSIDE),
        (6, RowFault.INTO_ITSELF),
        (7, RowFault.BELOW_A_FILE),
        (8, RowFault.ONTO_ITSELF),
        (9, RowFault.OUTSIDE),
        (10, RowFault.NAME_TOO_LONG),
    ]


def test_the_folder_of_fileorg_itself_stays(runs: Runs) -> None:
    runs.tree.write({"a": "1"})
    runs.apply([{"path": "a", "action": "trash"}])
    for folder in (".fileorg", ".fileorg/trash", ".fileorg/trash/1"):
        assert refused(runs, move(folder, "z")) == [(1, RowFault.OURS)]


def test_two_rows_of_one_file(runs: Runs) -> None:
    runs.tree.write({"a": "1"})
    assert refused(runs, move("a", "b"), move("./a", "c")) == [(2, RowFault.TWO_ROWS)]


def test_a_file_and_a_folder_of_one_new_name(runs: Runs) -> None:
    runs.tree.write({"a": "1", "b": "2"})
    assert refused(runs, move("a", "x"), move("b", "x/y")) == [(1, RowFault.BELOW_A_FILE)]


@pytest.mark.parametrize(
    ("first", "rows", "after"),
    [
        ({"one": "1", "two/in": "2"}, [("one", "two"), ("two", "one")], {"two": "1", "one/in": "2"}),
        ({"one": "1", "two/in": "2"}, [("two", "one"), ("one", "new/x")], {"new/x": "1", "one/in": "2"}),
        ({"one": "1", "two/in": "2"}, [("one", "two"), ("two", "new/x")], {"two": "1", "new/x/in": "2"}),
        ({"one": "1", "two/": ""}, [("one", "two"), ("two", "one")], {"two": "1", "one/": ""}),
        ({"d/d": "1", "d/x": "2"}, [("d/d", "d"), ("d", "e")], {"d": "1", "e/x": "2"}),
        ({"a": "1", "b": "2", "d/a": "3"}, [("a", "d"), ("d", "b"), ("b", "a")], {"a": "2", "d": "1", "b/a": "3"}),
        ({"one": "1", "d/s/in": "2", "e/s": "3"}, [("d", "e"), ("e", "d")], {"one": "1", "e/s/in": "2", "d/s": "3"}),
        ({"one": "1", "two/in": "2"}, [("one", "two"), ("two", ".fileorg")], None),
    ],
)  # fmt: skip
def test_files_and_folders_exchange_their_names(
    runs: Runs, first: dict[str, str], rows: list[tuple[str, str]], after: dict[str, str] | None
) -> None:
    runs.tree.write(first)
    before = take(os.fsencode(runs.tree.root))
    if after is None:
        assert refused(runs, *(move(*row) for row in rows))
        return
    for _ in range(2):
        outcome = runs.apply([move(*row) for row in rows])
        assert (outcome.problems, outcome.done) == (
            [],
            len([path for path in first if path != "one" or len(rows) > 2 or "one" in dict(rows)]),
        )
        assert runs.tree.read() == after
        assert runs.undo().problems == []
        assert differences(before, take(os.fsencode(runs.tree.root))) == []
    assert runs.redo().problems == []
    assert runs.tree.read() == after
    assert runs.undo().problems == []
    assert differences(before, take(os.fsencode(runs.tree.root))) == []


@pytest.mark.parametrize(
    ("rows", "meddle"),
    [
        ([("one", "two"), ("two", "one")], lambda tree: tree.write({"one/new": "3"})),
        ([("one", "two"), ("two", "one")], lambda tree: _saved_anew(tree, "one/in/it")),
        ([("one", "x"), ("x", "one")], lambda tree: _saved_anew(tree, "one")),
        ([("one", "x"), ("x", "y"), ("y", "one")], lambda tree: _saved_anew(tree, "x")),
    ],
)
def test_an_undo_in_the_way_of_which_something_is_moves_no_file_of_the_exchange(
    runs: Runs, rows: list[tuple[str, str]], meddle: Callable[[Tree], object]
) -> None:
    """Not even to a temporary name: a program has put a file into the folder, or saved one under its name anew."""
    tree = runs.tree
    tree.write({"one": "1", "two/in/it": "2", "x": "x", "y": "y"})
    first = tree.read()
    runs.apply([move(*row) for row in rows])
    meddle(tree)
    before = take(os.fsencode(tree.root))
    outcome = runs.undo()
    assert outcome.done == 0
    assert RecordState.CONFLICT in {problem.state for problem in outcome.problems}
    assert take(os.fsencode(tree.root)) == before
    if os.path.exists(tree.path("one/new")):
        tree.path("one/new").unlink()
        assert runs.undo().problems == []
        assert tree.read() == first


def _saved_anew(tree: Tree, path: str) -> None:
    """Replace a file by a new one, as editors do."""
    tree.write({path + "~": "saved anew"})
    tree.path(path + "~").rename(tree.path(path))


def test_an_undo_with_rename_gives_the_names_of_files_and_folders_back(runs: Runs) -> None:
    tree, rows = runs.tree, [move("one", "two"), move("two", "one"), move("x", "y", action="copy"), move("y", "z")]
    tree.write({"one": "1", "two/in/it": "2", "x": "3", "y/in": "4"})
    first = tree.read()
    runs.apply(rows)
    assert runs.undo(rename=True).problems == []
    assert tree.read() == first
    runs.redo()
    tree.write({"one/new": "5"})
    assert runs.undo(rename=True).problems == []
    del first["one"]
    assert tree.read() == first | {"one (2)": "1", "one/new": "5"}


def test_names_of_one_file_are_not_exchanged(runs: Runs) -> None:
    """After a crash, nothing would tell which of the two has the name."""
    runs.tree.write({"a": "1", "c": "2"})
    os.link(runs.tree.path("a"), runs.tree.path("b"))
    assert (1, RowFault.LOOKS_ALIKE) in refused(runs, move("a", "b"), move("b", "a"))
    assert (1, RowFault.LOOKS_ALIKE) in refused(runs, move("a", "b"), move("b", "x"))
    assert runs.apply([move("a", "c"), move("c", "a")]).done == 2


def test_a_duplicate_is_compared_before_a_folder_takes_its_name(runs: Runs) -> None:
    tree = runs.tree
    tree.write({"kept": "same", "other": "same", "one": "1", "two/in": "2"})
    first = tree.read()
    rows = [move("two", "other"), {"path": "other", "action": "trash", "duplicate_of": "kept"}]
    with runs.applying(rows) as run:
        tree.path("kept").write_text("SAME")
        assert run.run().done == 0
    assert tree.read().items() >= (first | {"kept": "SAME"}).items()
    assert not os.path.exists(tree.path("other/in"))
    tree.path("kept").write_text("same")
    assert runs.apply(rows).problems == []
    assert tree.read()["other/in"] == "2"
    assert runs.undo().problems == []
    assert tree.read().items() >= first.items()


def test_a_copy_takes_the_name_of_a_folder(runs: Runs) -> None:
    tree = runs.tree
    tree.write({"one": "1", "two/in": "2"})
    before = take(os.fsencode(tree.root))
    for _ in range(2):
        assert runs.apply([move("one", "two", action="copy"), move("two", "new")]).problems == []
        assert tree.read() == {"one": "1", "two": "1", "new/in": "2"}
        assert runs.undo().problems == []
        assert differences(before, take(os.fsencode(tree.root))) == []


def test_a_file_of_two_names_does_not_take_the_name_of_a_folder_on_another_disk(runs: Runs, elsewhere: Path) -> None:
    tree = runs.tree
    tree.write({"one": "1"})
    os.link(tree.path("one"), tree.path("its other name"))
    (elsewhere / "two").mkdir(parents=True)
    (elsewhere / "two/in").write_text("2")
    roots = [os.fsencode(tree.root), os.fsencode(elsewhere)]
    rows = [move(str(tree.path("one")), str(elsewhere / "two")), move(str(elsewhere / "two"), str(elsewhere / "new"))]
    assert refused(runs, *rows, roots=roots) == [(1, RowFault.HARD_LINKS_TORN)]


def test_a_folder_stays_if_a_file_takes_its_name_and_another_enters_it(runs: Runs) -> None:
    runs.tree.write({"one": "1", "two/in": "2", "x": "3"})
    rows = [move("one", "two"), move("two", "new"), move("x", "two/x")]
    assert (1, RowFault.FILE_FOR_FOLDER) in refused(runs, *rows)


def test_a_row_that_waits_for_a_refused_one(runs: Runs) -> None:
    runs.tree.write({"a": "1", "b": "2", "c": "3"})
    assert refused(runs, move("a", "b"), move("b", "c")) == [(1, RowFault.NOT_VACATED), (2, RowFault.TAKEN)]


def test_a_symlink_on_the_way(runs: Runs) -> None:
    runs.tree.write({"a": "1", "real/": "", "link": "-> real"})
    assert refused(runs, move("a", "link/b")) == [(1, RowFault.BEHIND_SYMLINK)]
    assert refused(runs, move("link/b", "b"), move("a/b", "c")) == [
        (1, RowFault.BEHIND_SYMLINK),
        (2, RowFault.BELOW_A_FILE),
    ]


def test_a_project_stays_whole(runs: Runs) -> None:
    runs.tree.write({"p/.git/HEAD": "ref", "p/src/a.js": "1", "b": "2"})
    assert refused(runs, move("p/src/a.js", "a.js"), move("b", "p/b")) == [
        (1, RowFault.KEPT_WHOLE),
        (2, RowFault.KEPT_WHOLE),
    ]
    assert runs.apply([move("p/src/a.js", "a.js")], all_files=True).done == 1


@pytest.fixture
def few_calls() -> Iterator[None]:
    """Let Python call functions only some 300 deep."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 300)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("few_calls")
def test_a_path_with_more_parts_than_python_calls(runs: Runs) -> None:
    runs.tree.write({"a": "1", "b": "2"})
    before, parts = take(os.fsencode(runs.tree.root)), 400
    assert refused(runs, move("b/" * parts + "c", "c")) == [(1, RowFault.BELOW_A_FILE)]
    assert refused(runs, move("c/" * parts + "c", "c")) == [(1, RowFault.MISSING)]
    assert runs.apply([move("a", "d/" * parts + "a")]).done == 1
    assert runs.apply([move("d/" * parts + "a", "d/" * parts + "b")]).done == 1
    assert [runs.undo().problems for _ in range(2)] == [[], []]
    assert take(os.fsencode(runs.tree.root)) == before


@pytest.mark.usefixtures("few_calls")
def test_an_empty_folder_with_more_parts_than_python_calls(runs: Runs) -> None:
    for depth in range(1, 401):
        runs.tree.path("/".join("d" * depth)).mkdir()
    runs.apply([move("d", "e", size_bytes=0)])
    assert [path.name for path in runs.tree.root.iterdir() if path.name != ".fileorg"] == ["e"]


def test_a_group_stays_together(runs: Runs) -> None:
    runs.tree.write({"film.mp4": "1", "film.srt": "2"})
    assert refused(runs, move("film.mp4", "x/film.mp4")) == [(1, RowFault.TEARS_GROUP)]
    assert refused(runs, move("film.mp4", "x/a.mp4"), move("film.srt", "x/b.srt")) == [
        (1, RowFault.TEARS_GROUP),
        (2, RowFault.TEARS_GROUP),
    ]
    assert runs.apply([move("film.mp4", "x/a.mp4"), move("film.srt", "x/a.srt")]).done == 2


def test_a_group_of_which_a_file_takes_the_name_of_a_folder_is_one_with_the_exchange(runs: Runs) -> None:
    runs.tree.write({"film.mp4": "1", "film.srt": "2", "x.mp4/in": "3"})
    rows = [move("film.mp4", "x.mp4"), move("film.srt", "x.srt"), move("x.mp4", "y")]
    with runs.applying(rows) as run:
        assert len({row.together for batch in run.plan.batches(100) for row in batch}) == 1
        assert run.run().done == 3
    assert runs.tree.read() == {"x.mp4": "1", "x.srt": "2", "y/in": "3"}
    assert runs.undo().problems == []
    assert runs.tree.read() == {"film.mp4": "1", "film.srt": "2", "x.mp4/in": "3"}


def test_an_open_document_stays(runs: Runs) -> None:
    runs.tree.write({"letter.odt": "1", ".~lock.letter.odt#": "me"})
    assert refused(runs, move("letter.odt", "x.odt")) == [(1, RowFault.MARKED)]


def test_more_changes_than_allowed(runs: Runs) -> None:
    runs.tree.write({"a": "1", "b": "2"})
    with pytest.raises(GuardRefused):
        runs.apply([move("a", "x"), move("b", "y")], max_changes=1)


def test_a_folder_with_other_permissions_is_there(runs: Runs) -> None:
    runs.tree.write({"a/one": "1", "b/two": "2"})
    runs.tree.path("a").chmod(0o700)
    assert {fault for _, fault in refused(runs, move("a", "b"), move("b", "a"))} == {RowFault.OTHER_MODE}


def test_a_plan_of_another_tree(runs: Runs) -> None:
    runs.tree.write({"a": "1"})
    assert refused(runs, move("/elsewhere/a", "/elsewhere/b")) == [(1, RowFault.OUTSIDE)]


# Files that are no plan -----------------------------------------------------------------------------------------------

_BAD_TEXTS = {
    "not UTF-8": (b'{"path": "a", "new_path": "\xff"}\n', RowFault.NOT_UTF8),
    "UTF-16": ("path,new_path\n".encode("utf-16"), RowFault.NOT_UTF8),
    "half a line": (b'{"path": "a", "new_path": "b"}\n{"path": "c", "ne', RowFault.NOT_JSON),
    "no object": (b'{"path": "a", "new_path": "b"}\n["c", "d"]\n', RowFault.NOT_JSON),
    "no path": (b'{"new_path": "b"}\n', RowFault.NO_PATH),
    "no new path": (b'{"path": "a"}\n', RowFault.NO_NEW_PATH),
    "an unknown action": (b'{"path": "a", "new_path": "b", "action": "delete"}\n', RowFault.UNKNOWN_ACTION),
    "an action of half a character": (rb'{"path": "a", "new_path": "b", "action": "\ud800"}', RowFault.UNKNOWN_ACTION),
    "a size in words": (b'{"path": "a", "new_path": "b", "size_bytes": "big"}\n', RowFault.BAD_VALUE),
    "a size without end": (b"path,new_path,size_bytes\na,b," + b"9" * 5000 + b"\n", RowFault.BAD_VALUE),
    "such a size in a document": (
        b'[{"path": "a", "new_path": "b", "size_bytes": ' + b"9" * 5000 + b"}]",
        RowFault.NOT_JSON,
    ),
    "half a digest": (b'{"path": "a", "new_path": "b", "sha256": "12"}\n', RowFault.BAD_VALUE),
    "half a base 64": (b'{"path_b64": "a", "new_path": "b"}\n', RowFault.BAD_VALUE),
    "half a document": (b'[{"path": "a"', RowFault.NOT_JSON),
    "another separator": (b"path:new_path\na:b\n", RowFault.NO_COLUMNS),
    "no header": (b"a,b\nc,d\n", RowFault.NO_COLUMNS),
    "a cell too few": (b"path,new_path\na,b\nc\n", RowFault.CUT_OFF),
    "a cell too many": (b"path,new_path\na,b,c\n", RowFault.NOT_CSV),
    "an open quotation mark": (b'path,new_path\n"a,b\n', RowFault.NOT_CSV),
}


@pytest.mark.parametrize("name", _BAD_TEXTS)
def test_a_file_that_is_no_plan(runs: Runs, name: str) -> None:
    runs.tree.write({"a": "1", "c": "2"})
    text, fault = _BAD_TEXTS[name]
    [(line, found)] = refused_text(runs, text, partial=True)
    assert found is fault
    assert line == (2 if text.startswith((b'{"path": "a", "new_path": "b"}\n', b"path,new_path\na,b,c")) else line)


@pytest.mark.parametrize("text", [b"a\0b", b"a\0b\0c\0"])
def test_half_a_pair(runs: Runs, text: bytes) -> None:
    runs.tree.write({"a": "1", "c": "2"})
    [(_, fault)] = refused_text(runs, text, null=True)
    assert fault is RowFault.CUT_OFF


def test_the_lines_of_csv_are_counted(runs: Runs) -> None:
    runs.tree.write({"a\nb": "1"})
    text = b'path,new_path\n"a\nb",x\ngone,y\n'
    with runs.applying_text(text, partial=True) as run:
        assert [problem.line for problem in run.problems()] == [4]


# Plans that fileorg saves ---------------------------------------------------------------------------------------------


def _saved(run: Any) -> bytes:
    return b"".join(line.encode() + b"\n" for line in run.plan_lines())


def test_a_saved_plan_of_organize_does_the_same(runs: Runs) -> None:
    runs.tree.write({"a.jpg": "one", "b.pdf": "two", "caf\udce9.jpg": "three", "film.mp4": "1", "film.srt": "2"})
    before = take(os.fsencode(runs.tree.root))
    with runs.organizing(changes=False) as run:
        text = _saved(run)
    assert take(os.fsencode(runs.tree.root)) == before
    with runs.applying_text(text) as applied:
        assert applied.run().done == 5
    after = runs.tree.read()
    runs.undo()
    assert differences(before, take(os.fsencode(runs.tree.root))) == []
    runs.organize()
    assert runs.tree.read() == after


def test_a_saved_plan_is_stale_once_a_file_has_changed(runs: Runs) -> None:
    runs.tree.write({"a.jpg": "one", "b.jpg": "two"})
    with runs.organizing(changes=False) as run:
        text = _saved(run)
    runs.tree.path("a.jpg").write_text("more")
    runs.tree.set_time("b.jpg", 10**18)
    with runs.applying_text(text, partial=True) as applied:
        assert {problem.fault for problem in applied.problems()} == {RowFault.OTHER_SIZE, RowFault.OTHER_TIME}


def test_a_saved_plan_of_dedupe_compares_again(runs: Runs) -> None:
    runs.tree.write({"a.bin": "same", "b.bin": "same"})
    with runs.deduping(action=DedupeAction.QUARANTINE, keep=[Keep.FIRST]) as run:
        text = _saved(run)
    with runs.applying_text(text) as applied:
        assert applied.run().done == 1
    assert runs.tree.path("a.bin").exists()
    assert not runs.tree.path("b.bin").exists()
    runs.undo()
    seen = os.stat(runs.tree.path("a.bin"))
    runs.tree.path("a.bin").write_text("diff")
    os.utime(runs.tree.path("a.bin"), ns=(seen.st_atime_ns, seen.st_mtime_ns))
    with runs.applying_text(text) as applied:
        assert applied.run().done == 0
    assert runs.tree.path("b.bin").read_text() == "same"


def test_a_saved_plan_of_clean_keeps_a_folder_that_was_filled(runs: Runs) -> None:
    runs.tree.write({"a/b/": "", "c.txt": "", "d/": ""})
    with runs.cleaning(changes=False) as run:
        text = _saved(run)
    runs.tree.write({"a/b/new.txt": "new"})
    with runs.applying_text(text, partial=True) as applied:
        assert {problem.fault for problem in applied.problems()} == {RowFault.NOT_EMPTY}
        assert applied.run().problem_count == 0
    assert {path for path in runs.tree.read() if not path.startswith(".fileorg")} == {"a/b/new.txt"}


def test_a_saved_plan_of_undo_takes_back(runs: Runs) -> None:
    runs.tree.write({"a": "one", "b": "two", "c.jpg": "three"})
    runs.apply([move("a", "b"), move("b", "a"), move("c.jpg", "x/c.jpg")])
    with undoing(UndoOptions(), runs.state, NullReporter(), changes=False) as run:
        text = _saved(run)
    with runs.applying_text(text) as applied:
        assert applied.run().done == 3
    assert {path: text for path, text in runs.tree.read().items() if text} == {"a": "one", "b": "two", "c.jpg": "three"}
