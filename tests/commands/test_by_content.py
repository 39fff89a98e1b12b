"""Files get their category by content where their name does not decide, and everywhere with --by-content."""

from __future__ import annotations

import os
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.content.samples import BINARY, HTML, JPEG, PDF, PNG, PROSE, TEXTS
from tests.content.test_dates import TRUTHS

from fileorg.content.evidence_reading import (
    EvidenceRequest,
    kind_from,
    kind_text,
    media_from,
    media_text,
    read_evidence,
)  # fmt: skip
from fileorg.content.head import BytesContent
from fileorg.content.media import read_media
from fileorg.content.types import kind_of
from fileorg.core.events import NullReporter
from fileorg.core.model import LookInto
from fileorg.index.columns import FileBatch
from fileorg.rules.config_file import parse_configuration
from fileorg.rules.filters import Filters
from fileorg.scan.walk import Seen
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.organize import OrganizeOptions, organizing
from fileorg.workflows.scan import categorize, scan_trees

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

FILES = {
    "photo": JPEG, "paper.xyz": PDF, "meeting": TEXTS["ics"], "note": PROSE, "report.zip": BINARY["docx"],
    "page.png": HTML, "letter.txt": PNG, "x.py": b"x = 1\n", "tiny": b"ab",
}  # fmt: skip
BY_NAME = {"report.zip": "Archives", "page.png": "Images", "letter.txt": "Documents", "x.py": "Code"}
BY_DEFAULT = BY_NAME | {"photo": "Images", "paper.xyz": "Documents", "meeting": "Data"}
BY_CONTENT = BY_DEFAULT | {"report.zip": "Documents", "page.png": "Documents", "letter.txt": "Images"}


@pytest.fixture
def mixed(tree: Tree) -> Tree:
    tree.write({name: os.fsdecode(content) for name, content in FILES.items()})
    return tree


def placed(tree: Tree) -> dict[str, str]:
    """Return the folder of each file that was moved."""
    return {os.path.basename(path): os.path.dirname(path) for path in tree.read() if "/" in path}


@pytest.mark.parametrize(
    ("look_into", "expected"),
    [(LookInto.UNKNOWN, BY_DEFAULT), (LookInto.NONE, BY_NAME), (LookInto.ALL, BY_CONTENT)],
)
def test_organize_and_undo(runs: Runs, mixed: Tree, look_into: LookInto, expected: dict[str, str]) -> None:
    before = mixed.snapshot()
    runs.organize(look_into=look_into)
    assert placed(mixed) == expected
    runs.undo()
    assert mixed.snapshot() == before


@pytest.mark.parametrize("look_into", list(LookInto))
def test_all_commands_agree(runs: Runs, mixed: Tree, look_into: LookInto) -> None:
    root = os.fsencode(mixed.root)
    said = categorize([root], Filters(), Seen(), NullReporter(), None, look_into)
    categories = {os.fsdecode(os.path.basename(each.path)): each.evidence.category for each in said}
    report = scan_trees([root], Filters(), runs.state, NullReporter(), None, look_into)
    with runs.organizing(changes=False, look_into=look_into) as run:
        planned = {category: tally.files for category, tally in run.plan.by_category.items()}
        other = run.plan.stay.other
    counted = dict(report.totals.files)
    assert counted == {each: [*categories.values()].count(each) for each in set(categories.values())}
    assert other == counted.pop("Other")
    assert planned == counted


class Stages(NullReporter):
    """Notes the stages of a run."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None]] = []

    def stage(self, name: str, files: int | None = None) -> None:
        self.stages.append((name, files))


def stages(runs: Runs, tree: Tree, look_into: LookInto = LookInto.UNKNOWN) -> list[tuple[str, int | None]]:
    reporter = Stages()
    options = OrganizeOptions(os.fsencode(tree.root), filters=Filters(recursive=False), look_into=look_into)
    with organizing(options, runs.state, reporter):
        return [each for each in reporter.stages if each[0] == "read"]


def test_the_second_run_reads_nothing(runs: Runs, mixed: Tree) -> None:
    assert stages(runs, mixed) == [("read", 4)]
    assert stages(runs, mixed) == []
    assert stages(runs, mixed, look_into=LookInto.ALL) == [("read", 3)]
    assert stages(runs, mixed, look_into=LookInto.ALL) == []
    mixed.write({"photo": os.fsdecode(PDF)})
    assert stages(runs, mixed) == [("read", 4)]


def test_names_that_decide_are_not_read(runs: Runs, tree: Tree) -> None:
    tree.write({"a.jpg": "a", "b.pdf": "b", "c.txt": "c"})
    assert stages(runs, tree) == []
    assert stages(runs, tree, look_into=LookInto.NONE) == []


def test_many_files_are_read_in_helpers(runs: Runs, tree: Tree) -> None:
    tree.write({f"{number % 7}/file {number}": os.fsdecode(JPEG if number % 2 else PROSE) for number in range(1_400)})
    runs.organize(recursive=True)
    assert len(list(tree.path("Images").iterdir())) == 700


def test_a_group_stays_together(runs: Runs, tree: Tree) -> None:
    tree.write({"photo.jpg": os.fsdecode(PDF), "photo.xmp": "x", "other.jpg": os.fsdecode(JPEG), "other.xmp": "x"})
    runs.organize(look_into=LookInto.ALL)
    assert placed(tree) == {
        "photo.jpg": "Documents", "photo.xmp": "Documents", "other.jpg": "Images", "other.xmp": "Images",
    }  # fmt: skip


def test_a_rule_asks_for_the_category_by_content(runs: Runs, tree: Tree) -> None:
    tree.write({"photo": os.fsdecode(JPEG), "paper": os.fsdecode(PDF), "a.png": os.fsdecode(PNG)})
    text = 'version = 1\n[[rule]]\nname = "pictures"\nwhen = { category = "Images" }\nto = "Pictures"\n'
    runs.organize(configuration=parse_configuration(b"fileorg.toml", text.encode()))
    assert placed(tree) == {"photo": "Pictures", "a.png": "Pictures", "paper": "Documents"}


def test_an_unreadable_file_stays(runs: Runs, tree: Tree) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read all files")
    tree.write({"photo": os.fsdecode(JPEG)})
    tree.path("photo").chmod(0)
    runs.organize()
    assert tree.path("photo").exists()


# What the index keeps ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*BINARY, *TEXTS])
def test_the_index_keeps_a_kind(name: str) -> None:
    kind = kind_of(BytesContent((BINARY | TEXTS)[name]))
    assert kind_from(kind_text(kind)) == kind


@pytest.mark.parametrize("name", TRUTHS)
def test_the_index_keeps_what_a_picture_says(name: str) -> None:
    facts = read_media(BytesContent(TRUTHS[name].content))
    kept = media_from(media_text(facts))
    assert kept is not None
    assert vars(kept) == vars(facts)


@pytest.mark.parametrize("text", [b"", b"!", b"?", b"9\x1f\x1f\x1f\x1f", b"[]", b'[[["x","y","z"]],"",0,0,0,null,0]'])
def test_damage_in_the_index_is_an_unread_file(text: bytes) -> None:
    assert kind_from(text) is None
    assert media_from(text) is None


# Bad input -----------------------------------------------------------------------------------------------------------


def request(root: Path) -> EvidenceRequest:
    with_storage = LocalStorage(os.fsencode(root))
    entries = [entry for listing in with_storage.list_folder(b"") for entry in listing.files]
    with_storage.close()
    batch = FileBatch.pack(b"", entries)
    positions = array("H", range(batch.files)).tobytes()
    return EvidenceRequest(1, os.fsencode(root), b"", batch.files, batch.names, batch.numbers, positions, positions, {})


def test_what_changes_after_the_scan_is_not_read(tmp_path: Path) -> None:
    for name in ("gone", "grown", "replaced", "pipe", "link", "same"):
        (tmp_path / name).write_bytes(JPEG)
    asked = request(tmp_path)
    (tmp_path / "gone").unlink()
    with (tmp_path / "grown").open("ab") as file:
        file.write(b"more")
    (tmp_path / "new").write_bytes(JPEG)
    (tmp_path / "new").rename(tmp_path / "replaced")
    (tmp_path / "pipe").unlink()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("same")
    (answer,) = read_evidence([asked])
    names = asked.names.split(b"\0")
    assert {names[at] for at, text in answer.kinds.items() if text != b"!"} == {b"same"}
    assert {names[at] for at, text in answer.media.items() if text != b"!"} == {b"same"}


def test_a_folder_that_is_gone_has_unread_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "photo").write_bytes(JPEG)
    asked = request(tmp_path / "a")
    (tmp_path / "a" / "photo").unlink()
    (tmp_path / "a").rmdir()
    (answer,) = read_evidence([asked])
    assert answer.kinds == {0: b"!"}
