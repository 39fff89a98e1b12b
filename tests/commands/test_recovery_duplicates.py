"""After a crash while a duplicate is replaced: the files at its path, in the trash, and in between decide."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import CUT_SHORT, DONE, NOT_DONE, file_records, open_again, recovered

from fileorg.core.model import RecordState
from fileorg.execute.temporaries import aside
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.snapshot import Snapshot
    from tests.support.tree import Tree

linking = pytest.mark.parametrize("action", ["hardlink", "symlink"])
TAKEN = [("conflict", "the name is taken")]
CHANGED = [("changed", "after the crash, its paths hold something else, which was kept")]


class Wreck:
    """A run that was reset by hand: the duplicate `x/c` of `a`, its path in the trash, and the temporary name."""

    def __init__(self, tree: Tree, runs: Runs) -> None:
        tree.write({"a": "same", "x/c": "same", "x/d": "other"})
        for path, when in (("a", 1), ("x/c", 3), ("x", 5), (".", 7)):
            tree.set_time(path, when * 10**9 + 1)
        self.tree, self.runs = tree, runs
        self.before = tree.snapshot()
        self.place, self.trash = tree.path("x/c"), tree.path(".fileorg/trash/1/x/c")
        self.here = self.place

    def crash(self, action: str, *, undo: bool = False) -> None:
        self.runs.dedupe(action)
        if undo:
            self.runs.undo()
        self.operation = 2 if undo else 1
        open_again(self.runs, self.operation)
        [record] = file_records(self.runs, self.operation)
        self.here = self.place.with_name(os.fsdecode(aside(self.operation, record.id)))

    def as_if_untouched(self) -> None:
        """The folder has its first time, because nothing was changed in it."""
        self.tree.set_time("x", 5 * 10**9 + 1)

    def make_link(self, at: Path, action: str) -> None:
        if action == "hardlink":
            at.hardlink_to(self.tree.path("a"))
        else:
            at.symlink_to("../a")

    def recovered(self) -> list[tuple[RecordState, str | None]]:
        """Return the results of a recovery; a second recovery has the same."""
        found = recovered(self.runs, self.operation)
        assert not self.here.exists()
        return found

    def taken_back(self) -> Snapshot:
        """Undo everything."""
        self.runs.undo()
        return self.tree.snapshot()


@pytest.fixture
def wreck(tree: Tree, runs: Runs) -> Wreck:
    return Wreck(tree, runs)


# To the trash ---------------------------------------------------------------------------------------------------------


def test_it_was_quarantined(wreck: Wreck) -> None:
    wreck.crash("quarantine")
    assert wreck.recovered() == DONE
    assert wreck.taken_back() == wreck.before


def test_it_was_not_quarantined(wreck: Wreck) -> None:
    wreck.crash("quarantine")
    wreck.trash.rename(wreck.place)
    wreck.as_if_untouched()
    assert wreck.recovered() == NOT_DONE
    assert wreck.taken_back() == wreck.before


def test_what_came_to_our_trash_instead_of_it_goes_back(wreck: Wreck) -> None:
    """The other file took the name just before the rename, and the crash came just after."""
    wreck.crash("quarantine")
    wreck.trash.unlink()
    wreck.trash.write_text("foreign")
    assert wreck.recovered() == CHANGED
    assert wreck.place.read_text() == "foreign"


def test_it_was_restored(wreck: Wreck) -> None:
    wreck.crash("quarantine", undo=True)
    assert wreck.recovered() == DONE
    assert wreck.tree.snapshot() == wreck.before


# Replaced by a link ---------------------------------------------------------------------------------------------------


@linking
def test_it_was_replaced(wreck: Wreck, action: str) -> None:
    wreck.crash(action)
    assert wreck.recovered() == DONE
    assert wreck.taken_back() == wreck.before


@linking
def test_nothing_was_done(wreck: Wreck, action: str) -> None:
    wreck.crash(action)
    wreck.place.unlink()
    wreck.trash.rename(wreck.place)
    wreck.as_if_untouched()
    assert wreck.recovered() == NOT_DONE
    assert wreck.taken_back() == wreck.before


@linking
def test_the_link_was_made_and_not_exchanged(wreck: Wreck, action: str) -> None:
    wreck.crash(action)
    wreck.place.rename(wreck.here)
    wreck.trash.rename(wreck.place)
    assert wreck.recovered() == CUT_SHORT
    assert wreck.taken_back() == wreck.before


@linking
def test_they_were_exchanged(wreck: Wreck, action: str) -> None:
    wreck.crash(action)
    wreck.trash.rename(wreck.here)
    assert wreck.recovered() == CUT_SHORT
    assert wreck.place.read_text() == "same"
    assert wreck.taken_back() == wreck.before


@linking
def test_they_were_exchanged_and_someone_removed_the_link(wreck: Wreck, action: str) -> None:
    wreck.crash(action)
    wreck.trash.rename(wreck.here)
    wreck.place.unlink()
    assert wreck.recovered() == CUT_SHORT
    assert wreck.taken_back() == wreck.before


@linking
def test_they_were_exchanged_and_someone_took_the_name(wreck: Wreck, action: str) -> None:
    wreck.crash(action)
    wreck.trash.rename(wreck.here)
    wreck.place.unlink()
    wreck.place.write_text("foreign")
    assert wreck.recovered() == DONE
    assert wreck.place.read_text() == "foreign"
    assert wreck.trash.read_text() == "same"


@linking
def test_another_file_was_exchanged(wreck: Wreck, action: str) -> None:
    """The other file took the name just before the exchange."""
    wreck.crash(action)
    wreck.trash.unlink()
    wreck.here.write_text("foreign")
    assert wreck.recovered() == CUT_SHORT
    assert wreck.place.read_text() == "foreign"


@linking
def test_it_was_edited_between(wreck: Wreck, action: str) -> None:
    wreck.crash(action)
    wreck.trash.rename(wreck.here)
    wreck.here.write_text("edited")
    assert wreck.recovered() == CUT_SHORT
    assert wreck.place.read_text() == "edited"
    assert not wreck.place.is_symlink()


@linking
def test_its_place_in_the_trash_was_taken(wreck: Wreck, action: str) -> None:
    wreck.crash(action)
    wreck.trash.rename(wreck.here)
    wreck.trash.write_text("foreign")
    assert wreck.recovered() == CUT_SHORT
    assert wreck.trash.read_text() == "foreign"
    assert wreck.place.read_text() == "same"


def test_a_hard_link_that_is_the_last_name_of_another_content_is_kept(wreck: Wreck) -> None:
    """Between crash and recovery the keeper was edited, through the link, and removed."""
    wreck.crash("hardlink")
    wreck.place.rename(wreck.here)
    wreck.trash.rename(wreck.place)
    wreck.here.write_text("edited")
    wreck.tree.path("a").unlink()
    [(state, reason)] = recovered(wreck.runs)
    assert state == RecordState.CHANGED
    assert (reason or "").startswith("inconsistent after the crash; left untouched, see x/.fileorg-1-")
    assert (wreck.here.read_text(), wreck.place.read_text()) == ("edited", "same")


# Undo -----------------------------------------------------------------------------------------------------------------


@linking
def test_it_has_its_place_again(wreck: Wreck, action: str) -> None:
    wreck.crash(action, undo=True)
    assert wreck.recovered() == DONE
    assert wreck.tree.snapshot() == wreck.before


@linking
@pytest.mark.parametrize("at", ["trash", "here"])
def test_it_had_not_got_its_place_yet(wreck: Wreck, action: str, at: str) -> None:
    wreck.crash(action, undo=True)
    wreck.trash.parent.mkdir(parents=True)
    wreck.place.rename(wreck.trash if at == "trash" else wreck.here)
    wreck.make_link(wreck.place, action)
    assert wreck.recovered() == (NOT_DONE if at == "trash" else CUT_SHORT)
    assert wreck.trash.read_text() == "same"
    wreck.runs.undo()
    assert wreck.tree.snapshot() == wreck.before


@linking
def test_it_had_not_got_its_place_yet_and_the_trash_is_gone(wreck: Wreck, action: str) -> None:
    """This may happen after a power cut: the link gets its name now."""
    wreck.crash(action, undo=True)
    wreck.place.rename(wreck.here)
    wreck.make_link(wreck.place, action)
    assert wreck.recovered() == DONE
    assert wreck.tree.snapshot() == wreck.before


@linking
def test_the_link_was_not_removed_yet(wreck: Wreck, action: str) -> None:
    wreck.crash(action, undo=True)
    wreck.make_link(wreck.here, action)
    assert wreck.recovered() == DONE
    assert wreck.tree.snapshot() == wreck.before


def test_a_hard_link_that_was_edited_and_is_the_only_name_left_keeps_its_place(wreck: Wreck) -> None:
    wreck.crash("hardlink", undo=True)
    wreck.make_link(wreck.here, "hardlink")
    wreck.here.write_text("edited")
    wreck.tree.path("a").unlink()
    wreck.trash.parent.mkdir(parents=True)
    [(state, reason)] = wreck.recovered()
    assert state == RecordState.CHANGED
    assert reason == "kept: the link was edited and is now the only name of that content"
    assert (wreck.place.read_text(), wreck.trash.read_text()) == ("edited", "same")


@linking
def test_another_file_was_exchanged_for_it(wreck: Wreck, action: str) -> None:
    wreck.crash(action, undo=True)
    wreck.here.write_text("foreign")
    wreck.trash.parent.mkdir(parents=True)
    assert wreck.recovered() == TAKEN
    assert (wreck.place.read_text(), wreck.trash.read_text()) == ("foreign", "same")


# Shared blocks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", ["intent", "done"])
def test_shared_blocks_are_shared_again_where_no_one_knows(wreck: Wreck, known: str) -> None:
    wreck.crash("reflink")
    open_again(wreck.runs, state=known)
    assert wreck.recovered() == (DONE if known == "done" else NOT_DONE)
    if known == "done":
        notes = wreck.runs.undo().notes
        assert notes == ["Shared blocks stay shared; this has no visible effect."]
        assert [sentence(record.reason) for record in file_records(wreck.runs, 2)] == [
            "its blocks stay shared; this has no visible effect"
        ]
    assert wreck.tree.snapshot() == wreck.before
