"""What exiftool adds to the dates and fields of files, and what one that fails costs."""

from __future__ import annotations

import os
import select
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.commands.test_by_date import write
from tests.content.media_samples import OFFSET_ORIGINAL, ORIGINAL, avi, gps_tags, jpeg, mp3, tiff
from tests.content.recordings import RECORDINGS
from tests.content.test_dates import CHOICE, TRUTHS

from fileorg.content.dates import taken_date
from fileorg.content.dating import DatedBy
from fileorg.content.exiftool import ExiftoolProcess, add_tags, find_exiftool
from fileorg.content.media import DateSource, MediaFacts
from fileorg.core.errors import UsageError
from fileorg.core.model import By

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")

PROGRAM = """#!/bin/sh
[ "$3" = -ver ] && echo 12.60 && exit
while read -r line; do
  case "$line" in
    /*) file=$line ;;
    -execute*)
      case "$(head -c 5 "$file")" in
        hang*) while read -r line; do :; done; exit ;;
        die*) exit 1 ;;
        flood) yes ;;
        dull*) printf '[]\\n{ready%s}\\n' "${line#-execute}" ;;
        *) printf '[{"RIFF:DateTimeOriginal": "2012:05:03 10:11:12"}]\\n{ready%s}\\n' "${line#-execute}" ;;
      esac ;;
  esac
done
"""
"""Answers as exiftool does, and fails in the ways in which exiftool might."""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named exiftool, the only one in PATH beside those of the system's shell."""
    found = tmp_path / "bin" / "exiftool"
    found.parent.mkdir()
    found.write_text(PROGRAM)
    found.chmod(0o755)
    monkeypatch.setenv("PATH", f"{found.parent}:{os.defpath}")
    return found


def said_by(process: ExiftoolProcess, content: bytes, folder: Path) -> MediaFacts:
    facts, path = MediaFacts(), folder / "file"
    path.write_bytes(content)
    with path.open("rb") as file:
        process.add_to(facts, file.fileno(), os.fsencode(path))
    return facts


def dated(runs: Runs, *, exiftool: bool) -> dict[DatedBy, int]:
    with runs.organizing(by=By.DATE, exiftool=exiftool) as run:
        return dict(run.plan.dated)


@needs_exiftool
def test_exiftool_finds_the_dates_that_fileorg_finds(tmp_path: Path) -> None:
    with ExiftoolProcess(find_exiftool().program) as process:
        for name, truth in TRUTHS.items():
            if truth.source in {DateSource.SIDECAR, DateSource.TAKEOUT}:
                continue
            found = taken_date(said_by(process, truth.content, tmp_path), CHOICE)[0]
            assert found is not None, name
            assert (found.source, str(found.moment.wall)) == (truth.source, truth.wall), name
            assert found.moment.offset == truth.offset, name


@needs_exiftool
def test_fields_of_a_recording_and_the_offset_of_a_place(tmp_path: Path) -> None:
    with ExiftoolProcess(find_exiftool().program) as process:
        sound = said_by(process, mp3(60, TPE1="Björk", TALB="Debut", TIT2="Human", TRCK="3/9"), tmp_path)
        by_gps = jpeg(tiff(exif={ORIGINAL: "2012:05:03 10:11:12"}, gps=gps_tags("2012:05:03", 8, 11, 12)))
        still = said_by(process, by_gps, tmp_path)
        stated = said_by(
            process, jpeg(tiff(exif={ORIGINAL: "2012:05:03 10:11:12", OFFSET_ORIGINAL: "-03:30"})), tmp_path
        )
    assert sound.texts == {"artist": "Björk", "album": "Debut", "title": "Human", "track": "03"}
    assert 59_000 < sound.duration_ms < 61_000
    assert (still.offset, still.width, still.height) == (120, 4000, 3000)
    assert stated.offset == -210


@needs_exiftool
def test_recordings_say_the_same_with_exiftool(tmp_path: Path) -> None:
    with ExiftoolProcess(find_exiftool().program) as process:
        for name, (content, texts, _) in RECORDINGS.items():
            assert said_by(process, content, tmp_path).texts.items() <= texts.items(), name


@needs_exiftool
def test_by_date_with_exiftool(runs: Runs, tree: Tree) -> None:
    still = jpeg(tiff(exif={ORIGINAL: "2013:06:03 10:11:12"}))
    write(tree, {"a.avi": avi("THU MAY 03 10:11:12 2012"), "b.jpg": still})
    before = tree.snapshot()
    assert dated(runs, exiftool=False) == {DatedBy("taken", "exif"): 1, DatedBy("modified"): 1}
    runs.organize(by=By.DATE, exiftool=True)
    assert {"2012/05/a.avi", "2013/06/b.jpg"} <= set(tree.read())
    runs.undo()
    assert tree.snapshot() == before


def test_one_that_hangs_dies_or_talks_without_end_costs_one_file(program: Path, tmp_path: Path) -> None:
    with ExiftoolProcess(str(program), seconds=0.5) as process:
        for content in (b"hang", b"die", b"flood", b"dull"):
            assert said_by(process, content, tmp_path).dates == []
    with ExiftoolProcess(str(program)) as process:
        for content in (b"die", b"dull", b"flood"):
            assert said_by(process, content, tmp_path).dates == []
            assert [each.source for each in said_by(process, b"film", tmp_path).dates] == [DateSource.EXIFTOOL]


def test_what_a_wrapper_has_started_ends_with_it(program: Path, tmp_path: Path) -> None:
    inner, pipe = tmp_path / "inner", tmp_path / "pipe"
    inner.write_text(f"{PROGRAM}tail -f /dev/null\n")  # as exiftool, it does not end with its input
    program.write_text(f'#!/bin/sh\nexec 9>{pipe}\nsh {inner} "$@"\n:\n')
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with ExiftoolProcess(str(program)) as process:
        assert said_by(process, b"film", tmp_path).dates
        assert not select.select([held], [], [], 0)[0]
    assert select.select([held], [], [], 10)[0]  # nobody has it open any more
    os.close(held)


def test_after_hanging_often_it_is_asked_in_the_next_run(
    program: Path, runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExiftoolProcess(str(program), seconds=0.01) as process:
        (runs.tree.root / "file").write_bytes(b"hang")
        with (runs.tree.root / "file").open("rb") as file:
            asked = [process.add_to(MediaFacts(), file.fileno(), b"") for _ in range(8)]
    assert asked == [True] * 6 + [False] * 2
    tree.path("a.avi").write_bytes(b"RIFF\0\0\0\0AVI ")
    monkeypatch.setattr("fileorg.content.exiftool._HANGS", 0)
    assert dated(runs, exiftool=True) == {DatedBy("modified"): 2}
    monkeypatch.setattr("fileorg.content.exiftool._HANGS", 6)
    assert dated(runs, exiftool=True) == {DatedBy("taken", "exiftool"): 1, DatedBy("modified"): 1}


def test_what_exiftool_said_is_kept_under_its_name(program: Path, runs: Runs, tree: Tree) -> None:
    tree.path("a.avi").write_bytes(b"RIFF\0\0\0\0AVI ")
    by_exiftool = {DatedBy("taken", "exiftool"): 1}
    assert dated(runs, exiftool=True) == by_exiftool
    program.write_text(PROGRAM.replace("film", "die").replace("*) printf '[{", "*) exit; printf '[{"))
    assert dated(runs, exiftool=True) == by_exiftool  # the second run asks nobody
    assert dated(runs, exiftool=False) == {DatedBy("modified"): 1}
    program.write_text(PROGRAM)
    assert dated(runs, exiftool=True) == by_exiftool


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "not installed"), ("12.16", "runs code that a picture can hold"), ("9.99", "runs code"),
        ("", "does not say its version"), ("12.60; rm", "does not say its version"),
    ],
)  # fmt: skip
def test_a_program_that_is_of_no_use(answer: str | None, message: str, program: Path) -> None:
    if answer is None:
        program.unlink()
        os.environ["PATH"] = str(program.parent)
    else:
        program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    with pytest.raises(UsageError, match=message):
        find_exiftool()


def test_odd_answers_are_not_taken() -> None:
    facts = MediaFacts()
    facts.width, facts.height, facts.duration_ms, facts.camera = 4, 3, 2000, "Canon R6"
    odd = {
        "File:ImageWidth": "x", "File:ImageHeight": -3, "QuickTime:Duration": 1e300, "ID3:Artist": "\x1b",
        "ID3:Year": 0, "ID3:Track": "99999", "QuickTime:CreateDate": "0000:00:00 00:00:00",
        "EXIF:DateTimeOriginal": ["a", "b"],
    }  # fmt: skip
    add_tags(odd, facts)
    assert (facts.width, facts.height, facts.duration_ms, facts.camera) == (4, 3, 2000, "Canon R6")
    assert facts.texts == {"year": "0"}
    assert taken_date(facts, CHOICE)[0] is None
