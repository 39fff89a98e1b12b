"""`import` places copies by the same dates and contents as `organize`, also when a job is taken up again."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from tests.commands.test_by_date import photo, write
from tests.commands.test_content_rules import configured
from tests.commands.test_import import imported
from tests.content.media_samples import film, film_header, seconds_1904, takeout
from tests.content.samples import HTML, JPEG

from fileorg.content.dating import DatedBy
from fileorg.core.events import NullReporter
from fileorg.core.model import By, LookInto
from fileorg.jobs.job_options import options_of
from fileorg.workflows.import_files import ImportOptions, importing
from fileorg.workflows.operations import options_as_json

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory
    from fileorg.journal.job_rows import JobRow

pytestmark = pytest.mark.usefixtures("in_utc")

LATE = 1_338_505_200  # 31 May 2012, 23:00 in UTC
CARD = {
    "DCIM/100NIKON/DSC_9999.JPG": photo("2012:05:31 10:00:00", camera="A"),
    "DCIM/101NIKON/DSC_0001.JPG": photo("2012:06:01 10:00:00", camera="A"),
    "DCIM/100CANON/DSC_0001.JPG": photo("2012:06:01 10:00:01", camera="B"),
    "DCIM/100CANON/MVI_1.MP4": film(film_header(seconds_1904(LATE))),
    "DCIM/IMG_7.jpg": JPEG, "DCIM/IMG_7.jpg.json": takeout(LATE), "photo": photo("2011:02:03 10:00:00"),
}  # fmt: skip


def test_a_card_by_the_dates_of_its_pictures(tree: Tree, dest: Tree, runs: Runs) -> None:
    write(tree, CARD)
    before = tree.snapshot()
    found = imported(tree.root, dest.root, runs.state, by=By.DATE, timezone="Asia/Tokyo")
    assert (found.copied, found.is_complete) == (7, True)
    assert dest.read().keys() == {
        "2012/05/DSC_9999.JPG", "2012/06/DSC_0001.JPG", "2012/06/DSC_0001 (2).JPG", "2012/06/MVI_1.MP4",
        "2012/06/IMG_7.jpg", "2012/06/IMG_7.jpg.json", "2011/02/photo",
    }  # fmt: skip
    assert tree.snapshot() == before
    runs.undo()
    assert dest.read() == {}


def test_only_the_dates_of_what_is_copied_are_counted(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    write(tree, CARD)
    write(dest, {"there.jpg": CARD["DCIM/100NIKON/DSC_9999.JPG"]})
    options = ImportOptions(os.fsencode(tree.root), os.fsencode(dest.root), By.DATE)
    with importing(options, state, NullReporter()) as run:
        assert run.plan.dated == {
            DatedBy("taken", "exif"): 3, DatedBy("taken", "film", True): 1, DatedBy("taken", "takeout", True): 2,
        }  # fmt: skip


def test_rules_look_into_the_files_of_a_card(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    write(tree, CARD)
    rules = configured('[[rule]]\nwhen = { has = "camera" }\nto = "{meta.camera}/{taken:%Y}"')
    imported(tree.root, dest.root, state, configuration=rules)
    assert {"A/2012/DSC_9999.JPG", "A B/2012/DSC_0001.JPG", "A B/2011/photo"} <= dest.read().keys()


def test_a_wrong_extension_goes_by_content_if_asked(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    write(tree, {"a.png": HTML, "b": JPEG})
    imported(tree.root, dest.root, state, look_into=LookInto.ALL)
    assert dest.read().keys() == {"Documents/a.png", "Images/b"}


def test_by_name_nothing_is_looked_into(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    write(tree, {"a.png": HTML, "b": JPEG})
    imported(tree.root, dest.root, state, look_into=LookInto.NONE)
    assert dest.read().keys() == {"Images/a.png", "Other/b"}


def test_a_job_that_is_taken_up_again_has_the_same_options(tree: Tree, dest: Tree) -> None:
    options = ImportOptions(
        os.fsencode(tree.root), os.fsencode(dest.root), By.DATE, look_into=LookInto.ALL, timezone="Asia/Tokyo"
    )
    job = SimpleNamespace(id=1, kind="import", options=options_as_json(options))
    again = options_of(cast("JobRow", job))
    assert isinstance(again, ImportOptions)
    assert again._replace(filters=options.filters) == options
