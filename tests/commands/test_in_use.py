"""A file that a program has open for writing is left alone, wherever its content would be copied, replaced or removed.

The program does nothing meanwhile, so that only the system can tell. Once it ends, the next run takes the file.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.support.disks import NotTested, linux_disk, overlay, plugged_in
from tests.support.runs import Runs
from tests.support.tree import Tree
from tests.support.writing import HOLDS, held_by_nobody, holding, leased_for_writing

from fileorg.core import retry
from fileorg.core.model import Action, OnConflict, RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.precheck import Checker
from fileorg.storage.local import readiness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory

_BYTES = b"x" * 5000
all_ways = pytest.mark.parametrize("way", HOLDS)


def write(path: Path, content: bytes = _BYTES, *, mtime: int = 10**9) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (mtime, mtime))
    return path


def why(outcome: Outcome) -> list[tuple[RecordState, ReasonCode | None]]:
    return [(problem.state, problem.reason and problem.reason.code) for problem in outcome.problems]


LEFT = [(RecordState.SKIPPED, ReasonCode.BEING_WRITTEN)]
NOT_BACK = [(RecordState.CHANGED, ReasonCode.BEING_WRITTEN)]


# To another file system -----------------------------------------------------------------------------------------------


@all_ways
def test_what_is_in_use_goes_to_no_other_disk_and_later_does(tree: Tree, runs: Runs, elsewhere: Path, way: str) -> None:
    film = write(tree.path("talk.mkv"))
    tree.write({"plain.jpg": "1"})
    with holding(film, way) as pid:
        outcome = runs.organize(dest=elsewhere)
    assert why(outcome) == LEFT
    assert outcome.problems[0].reason is not None
    assert outcome.problems[0].reason.number == (None if way == "sends it" else pid)
    assert tree.read() == {"talk.mkv": _BYTES.decode()}
    assert (elsewhere / "Images/plain.jpg").exists()
    assert runs.organize(dest=elsewhere).problems == []
    assert (elsewhere / "Video/talk.mkv").read_bytes() == _BYTES


@pytest.mark.parametrize("opened", ["before", "after the check"])
@pytest.mark.parametrize("held", ["here/a.txt", "there/b.txt"])
@pytest.mark.parametrize("others", [[], ["here/c.txt"], ["here/c.txt", "there/d.txt"]])
def test_nothing_of_an_exchange_moves_and_each_file_is_named(
    tree: Tree, runs: Runs, elsewhere: Path, held: str, others: list[str], opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tree, Tree(elsewhere / "there")
    paths = {
        name: {"here": here, "there": there}[name.split("/")[0]].path(name.split("/")[1])
        for name in ["here/a.txt", "there/b.txt", *others]
    }
    for name, path in paths.items():
        write(path, name.encode())
    before = here.snapshot(), there.snapshot()
    cycle = [str(path) for path in paths.values()]
    rows = [{"path": path, "new_path": to} for path, to in zip(cycle, [*cycle[1:], cycle[0]], strict=True)]
    roots = [os.fsencode(here.root), os.fsencode(there.root)]
    with holding(paths[held], "appends"), monkeypatch.context() as patch:
        if opened != "before":
            patch.setattr(Checker, "_leave_open", lambda *_: None)
        outcome = runs.apply(rows, roots=roots)
    named = {
        os.path.join(os.fsdecode(problem.root), os.fsdecode(problem.path)): problem.reason and problem.reason.code
        for problem in outcome.problems
    }
    expected = dict.fromkeys(cycle, ReasonCode.LEADER_STAYS) | {str(paths[held]): ReasonCode.BEING_WRITTEN}
    if opened == "before":
        assert outcome.counts == {RecordState.SKIPPED: len(cycle)}
    else:  # those whose turn came later found their names taken
        named |= {path: ReasonCode.LEADER_STAYS for path, code in named.items() if code is ReasonCode.NAME_TAKEN}
    assert (named, len(outcome.problems)) == (expected, len(cycle))
    assert (outcome.done, outcome.size_bytes, outcome.counts.get(RecordState.DONE)) == (0, 0, None)
    assert (here.snapshot(), there.snapshot()) == before
    assert runs.apply(rows, roots=roots).done == len(cycle)


@all_ways
def test_nor_does_it_come_back_by_undo(tree: Tree, runs: Runs, elsewhere: Path, way: str) -> None:
    write(tree.path("talk.mkv"))
    tree.write({"plain.jpg": "1"})
    runs.organize(dest=elsewhere)
    with holding(elsewhere / "Video/talk.mkv", way):
        assert why(runs.undo()) == NOT_BACK
    assert sorted(tree.read()) == ["plain.jpg"]
    assert runs.undo().problems == []
    assert sorted(tree.read()) == ["plain.jpg", "talk.mkv"]
    with holding(tree.path("talk.mkv"), way):
        assert why(runs.redo()) == NOT_BACK
    assert sorted(tree.read()) == ["plain.jpg", "talk.mkv"]


@all_ways
def test_on_its_own_file_system_it_is_renamed(tree: Tree, runs: Runs, way: str) -> None:
    film = write(tree.path("talk.mkv"))
    with holding(film, way):
        assert runs.organize().problems == []
        assert sorted(tree.read()) == ["Video/talk.mkv"]
        assert runs.undo().problems == []
    assert sorted(tree.read()) == ["talk.mkv"]


@all_ways
def test_no_copy_is_made_of_it(tree: Tree, runs: Runs, way: str) -> None:
    film = write(tree.path("talk.mkv"))
    with holding(film, way):
        assert why(runs.organize(action=Action.COPY)) == LEFT
    assert [path for path in tree.read() if not path.endswith("/")] == ["talk.mkv"]
    assert runs.organize(action=Action.COPY).problems == []
    with holding(tree.path("Video/talk.mkv"), way):
        assert why(runs.undo()) == NOT_BACK
    assert sorted(tree.read()) == ["Video/talk.mkv", "talk.mkv"]


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.SYMLINK])
def test_a_link_to_it_does_no_harm(tree: Tree, runs: Runs, action: Action) -> None:
    film = write(tree.path("talk.mkv"))
    with holding(film, "rewrites"):
        assert runs.organize(action=action).problems == []
        assert runs.undo().problems == []
    assert sorted(tree.read()) == ["talk.mkv"]


@pytest.mark.parametrize("name", ["talk.mkv", "talk.en.srt"])
@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_what_goes_together_stays_with_it(tree: Tree, runs: Runs, elsewhere: Path, action: Action, name: str) -> None:
    tree.write({"talk.mkv": "film", "talk.en.srt": "words", "plain.jpg": "1"})
    with holding(tree.path(name), "appends"):
        outcome = runs.organize(dest=elsewhere, action=action)
    assert sorted(why(outcome)) == sorted([*LEFT, (RecordState.SKIPPED, ReasonCode.LEADER_STAYS)])
    assert {"talk.mkv", "talk.en.srt"} <= tree.read().keys()
    assert sorted(path.name for path in elsewhere.rglob("*") if path.is_file()) == ["plain.jpg"]
    assert runs.organize(dest=elsewhere, action=action, exclude=["plain.jpg"]).problems == []
    if action is Action.COPY:
        return
    with holding(elsewhere / "Video" / name, "appends"):
        assert why(runs.undo()) == NOT_BACK
    assert (elsewhere / "Video" / name).exists()
    assert runs.undo().problems == []


def test_one_that_grows_between_scan_and_move_is_in_use_not_changed(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    film = write(tree.path("talk.mkv"))
    with film.open("ab") as growing, runs.organizing(dest=elsewhere) as run:
        growing.write(b"more")
        growing.flush()
        outcome = run.run()
    assert why(outcome) == LEFT


# Duplicates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink"])
@all_ways
def test_no_duplicate_gives_way_while_it_or_its_keeper_is_in_use(tree: Tree, runs: Runs, way: str, action: str) -> None:
    keeper, victim = write(tree.path("a.mkv")), write(tree.path("b.mkv"))
    with holding(victim, way):
        assert why(runs.dedupe(action)) == LEFT
    with holding(keeper, way):
        assert why(runs.dedupe(action)) == [(RecordState.SKIPPED, ReasonCode.KEEPER_BEING_WRITTEN)]
    assert {"a.mkv", "b.mkv"} <= tree.read().keys()
    assert not victim.samefile(keeper)
    assert runs.dedupe(action).problems == []
    assert not victim.exists() or victim.samefile(keeper)


@pytest.mark.parametrize("path", ["a/p.jpg", "a/p.xmp", "b/p.jpg", "b/p.xmp"])
def test_duplicates_that_go_together_stay_with_one_that_is_in_use(tree: Tree, runs: Runs, path: str) -> None:
    for folder in ("a", "b"):
        write(tree.path(f"{folder}/p.jpg"))
        write(tree.path(f"{folder}/p.xmp"), b"y" * 900)
    before = tree.read()
    with holding(tree.path(path), "appends"):
        outcome = runs.dedupe("quarantine")
    code = ReasonCode.KEEPER_BEING_WRITTEN if path.startswith("a") else ReasonCode.BEING_WRITTEN
    assert sorted(why(outcome)) == sorted([(RecordState.SKIPPED, code), (RecordState.SKIPPED, ReasonCode.LEADER_STAYS)])
    assert outcome.done == 0
    assert before.items() <= tree.read().items()
    assert runs.dedupe("quarantine").done == 2


@all_ways
def test_what_was_put_into_the_trash_stays_there(tree: Tree, runs: Runs, way: str) -> None:
    write(tree.path("a.mkv"))
    write(tree.path("b.mkv"))
    runs.dedupe("quarantine")
    [trashed] = tree.path(".fileorg/trash/1").iterdir()
    with holding(trashed, way):
        assert why(runs.purge().outcome) == NOT_BACK
    assert trashed.exists()
    assert runs.purge().outcome.problems == []
    assert not trashed.exists()


# Moves to the trash by a plain rename ---------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [way for way in HOLDS if way != "maps"])
def test_an_empty_file_that_is_about_to_be_written_is_no_leftover(tree: Tree, runs: Runs, way: str) -> None:
    begun = write(tree.path("download.log"), b"")
    tree.write({"left.txt": ""})
    with holding(begun, way):
        assert why(runs.clean()) == LEFT
    assert begun.exists()
    assert not tree.path("left.txt").exists()
    assert runs.clean().problems == []
    assert not begun.exists()


@all_ways
def test_no_newer_file_displaces_it(tree: Tree, runs: Runs, way: str) -> None:
    write(tree.path("talk.mkv"), b"newer", mtime=2 * 10**9)
    older = write(tree.path("Video/talk.mkv"))
    with holding(older, way):
        outcome = runs.organize(on_conflict=OnConflict.KEEP_NEWER)
    assert LEFT[0] in why(outcome)
    assert (older.read_bytes(), tree.path("talk.mkv").read_bytes()) == (_BYTES, b"newer")
    assert runs.organize(on_conflict=OnConflict.KEEP_NEWER).problems == []
    assert older.read_bytes() == b"newer"


# Leased by a server --------------------------------------------------------------------------------------------------


def test_what_a_file_server_has_leased_for_writing_is_in_use(
    tree: Tree, runs: Runs, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FILES", retry.FILES._replace(tries=1))  # no wait for the lease
    film = write(tree.path("talk.mkv"))
    with leased_for_writing(film):
        assert why(runs.organize(dest=elsewhere)) == LEFT
        assert why(runs.organize(action=Action.COPY)) == LEFT
    assert runs.organize(dest=elsewhere).problems == []
    with leased_for_writing(elsewhere / "Video/talk.mkv"):
        assert why(runs.undo()) == NOT_BACK
    assert runs.undo().problems == []


@pytest.mark.parametrize("name", ["a.mkv", "b.mkv"])
def test_nor_does_such_a_duplicate_give_way(tree: Tree, runs: Runs, name: str) -> None:
    for each in ("a.mkv", "b.mkv"):
        write(tree.path(each))
    runs.duplicates()  # the digests are known from now on
    with leased_for_writing(tree.path(name)):
        outcome = runs.dedupe("hardlink")
    assert outcome.done == 0
    assert all(state is RecordState.SKIPPED for state, _ in why(outcome))
    assert not tree.path("a.mkv").samefile(tree.path("b.mkv"))


# Other users, other file systems --------------------------------------------------------------------------------------


@pytest.fixture
def open_elsewhere(elsewhere: Path) -> Path:
    elsewhere.chmod(0o777)
    return elsewhere


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_users_program_is_known_too(elsewhere: Path, tmp_path: Path, state: StateDirectory) -> None:
    elsewhere.chmod(0o755)
    runs, dest = Runs(Tree(elsewhere / "tree"), state), tmp_path / "dest"
    dest.mkdir()
    film = write(runs.tree.path("talk.mkv"))
    film.chmod(0o666)
    with held_by_nobody(film):
        assert why(runs.organize(dest=dest)) == LEFT
    assert runs.organize(dest=dest).problems == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_of_its_own_file_a_user_knows_that_another_one_writes(open_elsewhere: Path, of_nobody: Runs) -> None:
    film = write(of_nobody.tree.path("talk.mkv"))
    os.seteuid(0)
    with holding(film, "appends"):
        os.seteuid(65534)
        outcome = of_nobody.organize(dest=open_elsewhere)
        os.seteuid(0)
    os.seteuid(65534)
    assert why(outcome) == LEFT
    assert outcome.problems[0].reason is not None
    assert outcome.problems[0].reason.number is None  # only root may know the process
    assert of_nobody.organize(dest=open_elsewhere).problems == []


class _AnothersFile:
    """A file of root in a folder of the user nobody, who gets no lease on it."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        os.seteuid(0)
        try:
            self.path = write(runs.tree.path("talk.mkv"))
        finally:
            os.seteuid(65534)


@pytest.fixture
def of_another(of_nobody: Runs) -> _AnothersFile:
    return _AnothersFile(of_nobody)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_of_anothers_file_nobody_can_tell_so_it_is_only_renamed(
    open_elsewhere: Path, of_another: _AnothersFile
) -> None:
    runs = of_another.runs
    runs.tree.write({"own.jpg": "1"})
    assert why(runs.organize(dest=open_elsewhere)) == [(RecordState.SKIPPED, ReasonCode.WRITERS_UNKNOWN)]
    assert (open_elsewhere / "Images/own.jpg").exists()
    assert runs.organize().problems == []
    assert sorted(runs.tree.read()) == ["Video/talk.mkv"]
    assert runs.undo().problems == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_anothers_file_is_copied_when_it_has_been_quiet(of_another: _AnothersFile) -> None:
    runs = of_another.runs
    os.seteuid(0)
    os.utime(of_another.path)
    os.seteuid(65534)
    assert why(runs.organize(action=Action.COPY)) == [(RecordState.SKIPPED, ReasonCode.WRITERS_UNKNOWN)]
    os.seteuid(0)
    os.utime(of_another.path, (10**9, 10**9))
    os.seteuid(65534)
    assert runs.organize(action=Action.COPY).problems == []


def _disk(kind: str, stack: ExitStack, folder: Path) -> Path:
    if kind == "overlay":
        (folder / "lower").mkdir()
        return stack.enter_context(overlay(folder / "lower", folder / "layers")).place
    if kind in {"exfat", "ntfs"}:
        return stack.enter_context(plugged_in(kind, folder)).place
    return stack.enter_context(linux_disk(kind, folder))


@pytest.fixture(params=["xfs", "btrfs", "tmpfs", "overlay", "exfat", "ntfs"])
def on_disk(request: pytest.FixtureRequest, tmp_path: Path, state: StateDirectory) -> Iterator[Runs]:
    with ExitStack() as stack:
        try:
            place = _disk(request.param, stack, tmp_path)
        except NotTested as reason:
            pytest.skip(str(reason))
        yield Runs(Tree(place / "tree"), state)


@pytest.mark.parametrize("way", ["appends", "maps"])
def test_every_file_system_tells(on_disk: Runs, tmp_path: Path, way: str) -> None:
    tree, dest = on_disk.tree, tmp_path / "dest"
    dest.mkdir()
    film = write(tree.path("talk.mkv"))
    with holding(film, way):
        assert why(on_disk.organize(dest=dest)) == LEFT
        assert why(on_disk.organize(action=Action.COPY)) == LEFT
    assert on_disk.organize(dest=dest).problems == []
    assert (dest / "Video/talk.mkv").read_bytes() == _BYTES
    assert on_disk.undo().problems == []
    assert film.read_bytes() == _BYTES


# Without leases -------------------------------------------------------------------------------------------------------


@pytest.fixture
def without_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_lease", lambda _: readiness._Lease.NONE)


@pytest.mark.usefixtures("without_leases")
@pytest.mark.parametrize("way", [way for way in HOLDS if way != "sends it"])
def test_without_leases_proc_tells(tree: Tree, runs: Runs, elsewhere: Path, way: str) -> None:
    film = write(tree.path("talk.mkv"))
    with holding(film, way) as pid:
        outcome = runs.organize(dest=elsewhere)
    assert why(outcome) == LEFT
    assert outcome.problems[0].reason is not None
    assert outcome.problems[0].reason.number == pid
    assert runs.organize(dest=elsewhere).problems == []


@pytest.mark.usefixtures("without_leases")
def test_without_leases_what_was_just_written_may_be_written_by_another_machine(
    tree: Tree, runs: Runs, elsewhere: Path
) -> None:
    film = write(tree.path("talk.mkv"), mtime=int(time.time()))
    assert why(runs.organize(dest=elsewhere)) == [(RecordState.SKIPPED, ReasonCode.WRITERS_UNKNOWN)]
    os.utime(film, (time.time() - 60, time.time() - 60))
    assert runs.organize(dest=elsewhere).problems == []
