"""`fileorg import`: what is missing is copied, and the certificate is right, against a plain comparison by SHA-256."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.commands.test_compare import plainly_missing
from tests.commands.test_properties import tried
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.content import hashing
from fileorg.core.errors import GuardRefused, UsageError
from fileorg.core.events import NullReporter
from fileorg.core.model import By
from fileorg.core.state import open_state
from fileorg.jobs.carry_out import carry_out
from fileorg.jobs.found import all_jobs
from fileorg.rules.config_file import parse_configuration
from fileorg.rules.filters import Filters
from fileorg.workflows.import_files import CardReplaced, ImportOptions, ImportRun, importing
from fileorg.workflows.session import Later

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fileorg.core.state import StateDirectory

_LARGE = "x" * 20_000


class Result(NamedTuple):
    """The end of an import: files copied, what the certificate says, and where it says that each file is."""

    copied: int
    facts: dict[str, Any]
    places: dict[str, str | None]

    @property
    def is_complete(self) -> bool:
        return bool(self.facts["is_complete"])


def imported(
    card: Path, dest: Path, state: StateDirectory, *, after: Callable[[], object] = lambda: None, **options: Any
) -> Result:
    """Import; `after` is called between the copies and the certificate."""
    chosen = ImportOptions(os.fsencode(card), os.fsencode(dest), **options)
    with importing(chosen, state, NullReporter()) as run:
        copied = run.run().done if run.plan.files else 0
        after()
        with run.certificate() as certificate:
            places = {
                _relative(path, card): None if new_path is None else _relative(new_path, dest)
                for path, _, new_path in certificate.files()
            }
            return Result(copied, certificate.facts(), places)


def _relative(path: bytes, root: Path) -> str:
    return os.fsdecode(os.path.relpath(path, os.fsencode(root)))


def test_each_content_is_copied_once_unless_it_is_there_under_any_name(tree: Tree, dest: Tree, runs: Runs) -> None:
    tree.write({"DCIM/100/IMG_1.JPG": "one", "DCIM/100/IMG_2.JPG": "two", "again/copy.jpg": "one", "empty.txt": ""})
    tree.write({"notes.qqq": "?", ".hidden": "h", "hollow/": "", "link": "-> notes.qqq", "film.mp4.part": "half"})
    dest.write({"2019/holiday.jpg": "two"})
    before, there = tree.snapshot(), dest.snapshot()
    found = imported(tree.root, dest.root, runs.state)
    assert (found.copied, found.is_complete) == (4, True)
    assert sorted(dest.read().values()) == ["?", "h", "half", "one", "two"]
    assert found.places["DCIM/100/IMG_2.JPG"] == "2019/holiday.jpg"
    assert found.places["again/copy.jpg"] == found.places["DCIM/100/IMG_1.JPG"]
    facts = found.facts
    assert [facts[name] for name in ("files", "empty_files", "empty_folders", "links")] == [6, 1, 1, 1]
    assert tree.snapshot() == before
    again = imported(tree.root, dest.root, runs.state)
    assert (again.copied, again.is_complete, again.places) == (0, True, found.places)
    runs.undo()
    assert dest.snapshot() == there


def test_of_a_file_and_its_copy_the_file_goes_with_its_group(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"IMG_1 (1).JPG": "picture", "IMG_1.JPG": "picture", "IMG_1.xmp": "edits", "a - Copy.txt": "a"})
    found = imported(tree.root, dest.root, state)
    assert (found.copied, found.is_complete) == (3, True)
    assert sorted(dest.read()) == ["Documents/a - Copy.txt", "Images/IMG_1.JPG", "Images/IMG_1.xmp"]


def test_a_file_with_several_names_is_copied_once(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    """Hard links, as in a disk of backups: neither name is read if no other file has that size."""
    tree.write({"monday/a.jpg": "the same file", "tuesday/": ""})
    os.link(tree.root / "monday/a.jpg", tree.root / "tuesday/a.jpg")
    os.link(tree.root / "monday/a.jpg", tree.root / "monday/b.jpg")
    found = imported(tree.root, dest.root, state)
    assert (found.copied, found.is_complete) == (1, True)
    assert len(dest.read()) == 1
    assert set(found.places.values()) == set(dest.read())


def test_copies_are_placed_like_those_of_organize(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "a", "b.txt": "b", "b/c.txt": "c"})
    tree.date("a.jpg", "2021-05-06")
    tree.date("b.txt", "2022-07-08")
    tree.date("b/c.txt", "2022-07-08")
    imported(tree.root, dest.path("dates"), state, by=By.DATE)
    assert dest.read() == {"dates/2021/05/a.jpg": "a", "dates/2022/07/b.txt": "b", "dates/2022/07/c.txt": "c"}
    imported(tree.root, dest.path("own"), state, template="{category}/{dir}/{name}")
    assert {path for path in dest.read() if path.startswith("own")} == {
        "own/Images/a.jpg", "own/Documents/b.txt", "own/Documents/b/c.txt",
    }  # fmt: skip


def test_rules_only_say_where_copies_go(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"invoice.pdf": "i", "old.log": "l", "raw.dat": "r", "kept.txt": "k"})
    rules = b"""version = 1
[[rule]]
name = "invoices"
when = { name = "invoice*" }
to = "Bills/{name}"
action = "move"
[[rule]]
name = "logs"
when = { ext = "log" }
action = "trash"
[[rule]]
name = "stays"
when = { name = "kept*" }
keep = true
"""
    configuration = parse_configuration(b"rules.toml", rules)
    found = imported(tree.root, dest.root, state, configuration=configuration)
    assert (found.copied, found.is_complete) == (4, True)
    assert found.places["invoice.pdf"] == "Bills/invoice.pdf"
    assert tree.read() == {"invoice.pdf": "i", "old.log": "l", "raw.dat": "r", "kept.txt": "k"}


def test_numbers_of_cameras_that_wrap_overwrite_nothing(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    for camera in ("100CANON", "101CANON"):
        tree.write({f"DCIM/{camera}/IMG_{number:04}.JPG": f"{camera} {number}" for number in range(20)})
    dest.write({"Images/IMG_0003.JPG": "of another card"})
    found = imported(tree.root, dest.root, state)
    assert (found.copied, found.is_complete) == (40, True)
    assert sorted(dest.read().values()) == sorted([*tree.read().values(), "of another card"])
    assert dest.read()["Images/IMG_0003.JPG"] == "of another card"


def test_a_group_goes_as_a_whole_and_a_late_sidecar_follows(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    same = "the settings of a camera"  # each photo has its own sidecar, though all have one content
    tree.write({"IMG_1.CR2": "1", "IMG_1.JPG": "1j", "IMG_1.xmp": same, "IMG_2.CR2": "2", "IMG_2.xmp": same})
    dest.write({"Images/IMG_1.CR2": "taken", "presets/default.xmp": same})
    found = imported(tree.root, dest.root, state)
    names = {path: content for path, content in dest.read().items() if path.startswith("Images/")}
    assert names == {
        "Images/IMG_1.CR2": "taken", "Images/IMG_1 (2).CR2": "1", "Images/IMG_1 (2).JPG": "1j",
        "Images/IMG_1 (2).xmp": same, "Images/IMG_2.CR2": "2", "Images/IMG_2.xmp": same,
    }  # fmt: skip
    assert (found.is_complete, found.facts["sidecars"]) == (True, 2)
    tree.write({"IMG_2.JPG.xmp": "edited on the card", "IMG_2.AAE": "edits"})
    late = imported(tree.root, dest.root, state)
    assert (late.copied, late.is_complete) == (2, True)
    assert late.places["IMG_2.AAE"] == "Images/IMG_2.AAE"


@pytest.mark.parametrize("left", [(), ("IMG_1 (2).xmp",), ("IMG_1 (2).JPG", "IMG_1 (2).JPG.xmp"), ("IMG_1 (2).CR2",)])
def test_what_is_left_of_a_photo_gets_the_number_that_its_raw_file_has(
    tree: Tree, dest: Tree, state: StateDirectory, left: tuple[str, ...]
) -> None:
    """A card was pulled before all files of a photo were copied, or a sidecar was added since."""
    tree.write({"IMG_1.CR2": "raw", "IMG_1.JPG": "picture", "IMG_1.xmp": "settings", "IMG_1.JPG.xmp": "of the picture"})
    dest.write({"Images/IMG_1.CR2": "another photo"})
    assert imported(tree.root, dest.root, state).copied == 4
    complete = dest.read()
    assert set(complete) - {"Images/IMG_1.CR2"} == {
        "Images/IMG_1 (2).CR2", "Images/IMG_1 (2).JPG", "Images/IMG_1 (2).xmp", "Images/IMG_1 (2).JPG.xmp",
    }  # fmt: skip
    for path in complete:
        if path.removeprefix("Images/") not in {"IMG_1.CR2", "IMG_1 (2).CR2", *left}:
            dest.path(path).unlink()
    again = imported(tree.root, dest.root, state)
    assert again.is_complete
    assert dest.read() == complete


def test_a_picture_has_its_own_name_if_its_raw_file_was_moved_to_another_folder(
    tree: Tree, dest: Tree, state: StateDirectory
) -> None:
    tree.write({"IMG_1.CR2": "raw", "IMG_1.JPG": "picture"})
    dest.write({"Images/IMG_1.PNG": "another", "best/IMG_1 (2).CR2": "raw"})
    assert imported(tree.root, dest.root, state).is_complete
    assert dest.read()["Images/IMG_1.JPG"] == "picture"


def test_a_project_keeps_its_folders(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    project = {"work/app/.git/HEAD": "ref", "work/app/src/a.py": "same", "work/app/src/b.py": "same",
               "work/app/empty.py": "", "work/app/pyproject.toml": "p"}  # fmt: skip
    tree.write(project | {"work/photo.jpg": "photo", "twin.py": "same"})
    dest.write({"elsewhere/LICENSE": "ref"})
    assert imported(tree.root, dest.root, state).is_complete
    assert {path: text for path, text in dest.read().items() if path.startswith("app/")} == {
        path.removeprefix("work/"): text for path, text in project.items()
    }
    assert imported(tree.root, dest.root, state).copied == 0
    dest.path("app/src/a.py").write_text("changed")
    dest.path("app/src/b.py").unlink()
    late = imported(tree.root, dest.root, state)
    assert (late.is_complete, dest.read()["app/src/a.py"]) == (True, "changed")


def test_reading_changes_no_access_time(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"a/small.jpg": "s", "a/large.bin": _LARGE, "b/large.bin": _LARGE})
    dest.write({"there.jpg": "s"})
    long_ago = 10**18
    places = [tree.root, *sorted(tree.root.rglob("*"))]
    for place in places:
        os.utime(place, ns=(long_ago, place.stat().st_mtime_ns))
    assert imported(tree.root, dest.root, state, paranoid=True).is_complete
    assert {place.name: place.stat().st_atime_ns for place in places} == dict.fromkeys(
        (place.name for place in places), long_ago
    )


def test_copies_are_read_from_the_disk(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "a", "large.bin": _LARGE})
    asked: list[bool] = []
    request = hashing._request

    def noted(*arguments: Any) -> Any:
        made = request(*arguments)
        asked.append(made.from_disk)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "_request", noted)
        assert imported(tree.root, dest.root, state).is_complete
    assert asked
    assert all(asked)


# The certificate --------------------------------------------------------------------------------------------------


def test_the_certificate_is_about_what_is_there_and_not_about_the_plan(
    tree: Tree, dest: Tree, state: StateDirectory
) -> None:
    tree.write({"a.jpg": "first", "b.jpg": "second", "c.bin": _LARGE})

    def spoil() -> None:
        dest.path("Images/a.jpg").unlink()
        content = dest.path("Other/c.bin").read_bytes()
        os.chmod(dest.path("Other/c.bin"), 0o600)
        dest.path("Other/c.bin").write_bytes(content[:9000] + b"y" + content[9001:])

    found = imported(tree.root, dest.root, state, after=spoil)
    assert (found.is_complete, found.facts["missing_files"]) == (False, 2)
    assert found.places == {"a.jpg": None, "b.jpg": "Images/b.jpg", "c.bin": None}
    again = imported(tree.root, dest.root, state)
    assert (again.copied, again.is_complete) == (2, True)


@pytest.mark.parametrize("change", ["new", "gone", "edited"])
def test_a_card_that_changed_has_no_certificate(change: str, tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "a", "b.jpg": "b"})

    def changed() -> None:
        match change:
            case "new":
                tree.write({"c.jpg": "a"})
            case "gone":
                tree.path("a.jpg").unlink()
            case _:
                tree.set_time("a.jpg", 10**18)

    found = imported(tree.root, dest.root, state, after=changed)
    assert (found.is_complete, found.facts["changed_meanwhile"]) == (False, True)
    assert imported(tree.root, dest.root, state).is_complete


def test_another_folder_in_its_place_has_no_certificate(
    tree: Tree, dest: Tree, state: StateDirectory, tmp_path: Path
) -> None:
    tree.write({"a.jpg": "a"})

    def replaced() -> None:
        tree.root.rename(tmp_path / "pulled")
        tree.root.mkdir()

    with pytest.raises(CardReplaced, match="was unplugged or replaced"):
        imported(tree.root, dest.root, state, after=replaced)


def test_what_cannot_be_read_is_missing(of_nobody: Runs) -> None:
    tree = of_nobody.tree
    dest = Tree(tree.root.parent / "dest")
    tree.write({"closed.jpg": "c", "open.jpg": "o"})
    tree.path("closed.jpg").chmod(0)
    found = imported(tree.root, dest.root, of_nobody.state)
    assert (found.copied, found.is_complete, found.places["closed.jpg"]) == (1, False, None)
    tree.path("closed.jpg").chmod(0o600)
    tree.write({"shut/in.jpg": "o"})
    tree.path("shut").chmod(0)
    try:
        found = imported(tree.root, dest.root, of_nobody.state)
        assert (found.copied, found.is_complete, len(found.facts["unreadable"])) == (1, False, 1)
    finally:
        tree.path("shut").chmod(0o700)


def test_filters_choose_files_of_the_card(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "a", "a.xmp": "x", "b.txt": "b"})
    found = imported(tree.root, dest.root, state, filters=Filters(include=["*.jpg"], all_files=True))
    assert (found.copied, found.is_complete, found.facts["excluded_files"]) == (1, True, 2)
    assert dest.read() == {"Images/a.jpg": "a"}


@settings(tried, max_examples=settings().max_examples // 5)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["card", "dest"]),
            st.sampled_from(["", "a/", "a/b/", "p/.git/", "p/", "Images/", "Other/"]),
            st.sampled_from(["x", "y.txt", ".z", "w.part", "v.jpg.xmp", "v.jpg", "v.xmp", "V.JPG"]),
            st.sampled_from(["", "1", "2", "12", _LARGE, _LARGE[1:] + "y", _LARGE[:9000] + "y" + _LARGE[9001:]]),
        ),
        max_size=14,
    ),
    st.sampled_from(By),
)
def test_any_card_and_any_destination(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, str, str, str]], by: By
) -> None:
    around = tmp_path_factory.mktemp("around")
    places = {name: Tree(around / name) for name in ("card", "dest")}
    for side, folder, name, content in files:
        places[side].write({folder + name: content})
    card, dest = places["card"], places["dest"]
    runs = Runs(card, open_state(os.fsencode(around / "state")))
    before, there, held = card.snapshot(), dest.snapshot(), dest.read()
    missing = plainly_missing(card.root, dest.root)
    found = imported(card.root, dest.root, runs.state, by=by)
    assert found.is_complete
    assert found.copied >= len({card.read()[path] for path in missing})
    assert plainly_missing(card.root, dest.root) == []
    contents = card.read()
    assert {path: dest.read()[new] for path, new in found.places.items() if new} == {
        path: text for path, text in contents.items() if text
    }
    assert held.items() <= dest.read().items()
    assert card.snapshot() == before
    again = imported(card.root, dest.root, runs.state, by=by)
    assert (again.copied, again.is_complete) == (0, True)
    if found.copied:
        runs.undo()
        assert dest.snapshot() == there
    shutil.rmtree(around)


def test_a_job_writes_the_certificate(tree: Tree, dest: Tree, state: StateDirectory, tmp_path: Path) -> None:
    tree.write({"a.jpg": "a", "b.jpg": "b"})
    file = tmp_path / "certificate.json"
    chosen = ImportOptions(os.fsencode(tree.root), os.fsencode(dest.root), By.DATE, certificate=os.fsencode(file))
    later = Later(holds=True)
    with importing(chosen, state, NullReporter()) as run:
        run.save(later)
    os.close(later.fd)
    assert dest.read() == {}
    assert carry_out(state, later.number, NullReporter(), lambda: False).done == 2
    certificate = json.loads(file.read_text())
    assert (certificate["certificate"]["is_complete"], len(certificate["contents"])) == (True, 2)
    assert sorted(dest.read().values()) == ["a", "b"]


def test_a_job_that_ends_just_after_its_certificate_goes_on(
    tree: Tree, dest: Tree, state: StateDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"a.jpg": "a"})
    file = os.fsencode(tmp_path / "certificate.json")
    later = Later(holds=True)
    with importing(
        ImportOptions(os.fsencode(tree.root), os.fsencode(dest.root), certificate=file), state, NullReporter()
    ) as run:
        run.save(later)
    os.close(later.fd)

    def ends(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ImportRun, "end", ends)
        with pytest.raises(KeyboardInterrupt):
            carry_out(state, later.number, NullReporter(), lambda: False)
    assert os.path.exists(file)
    assert [each.state for each in all_jobs(state)] == ["interrupted"]
    carry_out(state, later.number, NullReporter(), lambda: False)
    assert [each.state for each in all_jobs(state)] == ["done"]


def test_a_job_is_done_only_once_its_certificate_is_written(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "a"})
    chosen = ImportOptions(os.fsencode(tree.root), os.fsencode(dest.root))
    with importing(chosen, state, NullReporter()) as run:
        outcome = run.run()
        assert [each.row.state for each in all_jobs(state)] == ["running"]
        with run.certificate() as certificate:
            run.end(outcome, is_complete=certificate.is_complete)
        assert [each.row.state for each in all_jobs(state)] == ["done"]


def test_a_run_that_ends_before_its_certificate_is_no_done_job(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "a"})
    chosen = ImportOptions(os.fsencode(tree.root), os.fsencode(dest.root))
    with importing(chosen, state, NullReporter()) as run:
        run.run()
    assert [each.state for each in all_jobs(state)] == ["interrupted"]
    [job] = all_jobs(state)
    assert not carry_out(state, job.row.id, NullReporter(), lambda: False).problems
    assert [each.state for each in all_jobs(state)] == ["done"]
    assert dest.read() == {"Images/a.jpg": "a"}


class _Meddler(NullReporter):
    """Acts when the copies begin."""

    def __init__(self, change: Callable[[], object]) -> None:
        self._change = change

    def stage(self, name: str, files: int | None = None) -> None:  # noqa: ARG002
        if name == "copy":
            self._change()


def test_a_file_that_changes_meanwhile_is_not_certified(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "a", "b.jpg": "before"})
    chosen = ImportOptions(os.fsencode(tree.root), os.fsencode(dest.root))
    with importing(chosen, state, _Meddler(lambda: tree.write({"b.jpg": "the end of it"}))) as run:
        run.run()
        with run.certificate() as certificate:
            assert not certificate.is_complete
    assert imported(tree.root, dest.root, state).is_complete
    assert sorted(dest.read().values()) == ["a", "the end of it"]


@pytest.mark.root
def test_a_destination_that_fills_up(tree: Tree, state: StateDirectory, tmp_path: Path) -> None:
    tree.write({f"{number}.bin": f"{number}" * 60_000 for number in range(6)})
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=220k", "tmpfs", str(small)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("NOT TESTED: a small disk needs root, with the right to mount")
    try:
        (small / "album").mkdir()
        found = imported(tree.root, small / "album", state)
        assert not found.is_complete
        names = [name for _, _, names in os.walk(small) for name in names]
        assert 0 < len(names) == found.copied < 6
        assert plainly_missing(tree.root, small / "album") == sorted(
            name for name, place in found.places.items() if place is None
        )
        subprocess.run(["mount", "-o", "remount,size=2m", str(small)], check=True)
        assert imported(tree.root, small / "album", state).is_complete
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "dest", "said"),
    [
        ("tree", "tree", "the same folder"),
        ("tree", "alias", "the same folder"),
        ("tree", "tree/sub", "on the card itself"),
        ("tree", "tree/new/deep", "on the card itself"),
        ("tree/sub", "tree", "is inside"),
        ("nowhere", "tree", "There is no folder"),
        ("tree/sub/a.txt", "dest", "is a file"),
    ],
)
def test_folders_that_cannot_be_imported(
    card: str, dest: str, said: str, tree: Tree, state: StateDirectory, tmp_path: Path
) -> None:
    tree.write({"sub/a.txt": "a"})
    (tmp_path / "alias").symlink_to("tree")
    with pytest.raises(UsageError, match=said):
        imported(tmp_path / card, tmp_path / dest, state)
    assert tree.read() == {"sub/a.txt": "a"}


def test_a_rule_that_copies_to_the_card_is_refused(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"a.txt": "a"})
    text = f'version = 1\n[[rule]]\nname = "here"\nto = "{tree.root}/Sorted/{{name}}"\n'
    configuration = parse_configuration(b"rules.toml", text.encode())
    with pytest.raises(UsageError, match="on the card itself"):
        imported(tree.root, dest.root, state, configuration=configuration)
    assert (tree.read(), dest.read()) == ({"a.txt": "a"}, {})


def test_too_many_changes_are_refused(tree: Tree, dest: Tree, state: StateDirectory) -> None:
    tree.write({"a.txt": "a", "b.txt": "b"})
    with pytest.raises(GuardRefused, match="--max-changes"):
        imported(tree.root, dest.root, state, max_changes=1)
    assert dest.read() == {}
