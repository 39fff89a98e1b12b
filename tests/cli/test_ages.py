"""Ages in options: the date that an age comes to is printed, and files that an age holds back are counted."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from tests.support.tree import DAY_NS

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d"


def local(seconds_ago: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(time.time() - seconds_ago))


@pytest.fixture
def trash(fileorg: Fileorg, tree: Tree) -> Tree:
    """A tree with an empty file in the trash, and with nothing that purge may remove before a question."""
    tree.write({"empty.txt": "", "kept.txt": "1"})
    assert fileorg("clean", "tree", "-q").code == 0
    return tree


@pytest.mark.parametrize("age", ["6m", "6M", "30 m", "1y6m"])
@pytest.mark.parametrize("more", [("-y",), ("-n",), ("-y", "-f", "json")])
def test_purge_refuses_an_m_that_may_be_months(fileorg: Fileorg, trash: Tree, age: str, more: tuple[str, ...]) -> None:
    before = trash.snapshot()
    ran = fileorg("purge", "--older-than", age, *more)
    assert ran.code == 2
    assert "m can mean minutes or months" in ran.err
    assert f"{age[:-1]}min for minutes" in ran.err
    assert f"{age[:-1]}mo for months" in ran.err
    assert trash.snapshot() == before


@pytest.mark.parametrize(
    ("age", "words", "seconds"), [("6min", "6 minutes", 360), ("12h", "12 hours", 43_200), ("1d", "1 day", 86_400)]
)
def test_purge_prints_the_date_if_nothing_is_older(
    fileorg: Fileorg, trash: Tree, age: str, words: str, seconds: int
) -> None:
    for how in ("-n", "-y"):
        dates = {local(seconds)}
        out = fileorg("purge", how, "--older-than", age).out
        dates.add(local(seconds))
        assert out in {f"Nothing in the trash is older than {words} (since {date}).\n" for date in dates}
    assert trash.path(".fileorg").exists()


@pytest.mark.parametrize("age", ["1mo", "6mo", "1y", "1y6mo"])
def test_purge_counts_months_and_years_by_the_calendar(fileorg: Fileorg, trash: Tree, age: str) -> None:
    out = fileorg("purge", "-y", "--older-than", age).out
    found = re.search(rf"\(since ({DATE})\)", out)
    assert found is not None
    assert found[1][11:] in {local(0)[11:], local(60)[11:]}
    months = {"1mo": 1, "6mo": 6, "1y": 12, "1y6mo": 18}[age]
    now = time.localtime()
    assert divmod(now.tm_year * 12 + now.tm_mon - 1 - months, 12) == (int(found[1][:4]), int(found[1][5:7]) - 1)
    assert trash.path(".fileorg").exists()


def test_purge_shows_the_date_in_its_plan(fileorg: Fileorg, trash: Tree) -> None:
    time.sleep(1.1)
    shown = fileorg("purge", "-n", "--older-than", "1s").out
    assert re.search(rf"  Only operations from before {DATE} \(1 second ago\)\.", shown)
    reported = fileorg("purge", "-n", "--older-than", "1s", "-f", "json").json
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", reported["older_than"])
    terminal = fileorg.terminal("purge", "--older-than", "2200-01-01", columns=100)
    terminal.wait_for("Only operations from before 2200-01-01 00:00.")
    terminal.send("y\n")
    assert terminal.end() == 0
    assert not trash.path(".fileorg").exists()


@pytest.fixture
def photos(tree: Tree) -> Tree:
    """Two new files and a sidecar, and two that are a week and a year old."""
    now = time.time_ns()
    tree.write({name: name for name in ("new.jpg", "new.xmp", "other.png", "week.jpg", "year.jpg")})
    for name, days in (("week.jpg", 7), ("year.jpg", 400)):
        tree.set_time(name, now - days * DAY_NS)
    return tree


def test_organize_counts_what_min_age_holds_back(fileorg: Fileorg, photos: Tree) -> None:
    reported = fileorg("organize", "tree", "-n", "-f", "json", "--min-age", "1d").json
    assert reported["files"] == 2
    assert reported["left_alone"] == {"too-new": 3}
    assert reported["newer_than"] is None
    shown = fileorg("organize", "tree", "-n", "--min-age", "1d").out
    assert re.search(rf"^  Only files last changed before {DATE} \(1d ago\)\.$", shown, re.MULTILINE)
    ran = fileorg("organize", "tree", "--min-age", "1d").out
    assert re.search(rf"^  3  files changed within the last 1d \(since {DATE}\)$", ran, re.MULTILINE)
    assert {"new.jpg", "new.xmp", "other.png"} <= photos.read().keys()


@pytest.mark.parametrize(
    ("limits", "said", "files"),
    [
        (("--min-age", "10m"), r"3  files changed within the last 10min \(since DATE\)", 2),
        (("--min-age", "6mo"), r"4  files changed within the last 6mo \(since DATE\)", 1),
        (("--older-than", "1d", "--min-age", "10m"), r"3  files changed within the last 1d \(since DATE\)", 2),
        (("--older-than", "2200-01-01", "--min-age", "1y"), r"4  files changed within the last 1y \(since DATE\)", 1),
        (("--newer-than", "2w"), r"1  file not changed within the last 2w \(since DATE\)", 4),
        (("--newer-than", "2200-01-01"), r"5  files not changed since 2200-01-01 00:00", 0),
        (("--min-size", "9"), r"4  files smaller than 9 B", 1),
        (("--max-size", "8"), r"1  file larger than 8 B", 4),
    ],
)
def test_every_limit_is_counted(fileorg: Fileorg, photos: Tree, limits: tuple[str, ...], said: str, files: int) -> None:
    assert fileorg("organize", "tree", "-n", "-f", "json", *limits).json["files"] == files
    out = fileorg("organize", "tree", *limits).out
    assert re.search(rf"^  {said.replace('DATE', DATE)}$", out, re.MULTILINE), out


def test_scan_and_dedupe_print_the_date(fileorg: Fileorg, photos: Tree) -> None:
    photos.write({"copy.png": "other.png"})
    scanned = fileorg("scan", "tree", "--older-than", "1mo").out
    assert re.search(rf"  5  files changed within the last 1mo \(since {DATE}\)", scanned)
    assert fileorg("scan", "tree", "--older-than", "1mo", "-f", "json").json["left_alone"] == {"too-new": 5}
    line = rf"  Only files changed since {DATE} \(1d ago\)\."
    for more in ((), ("--action", "quarantine", "-n"), ("--action", "quarantine")):
        assert re.search(line, fileorg("dedupe", "tree", "--newer-than", "1d", *more).out)


def test_clean_counts_only_leftovers(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"new.txt": "", "full.txt": "1", "link": "-> nowhere", "sub/": "", "old.txt": "", "pkg/__init__.py": ""})
    tree.set_time("old.txt", time.time_ns() - 40 * DAY_NS)
    reported = fileorg("clean", "tree", "-n", "-f", "json", "--older-than", "1mo").json
    assert reported["empty_files"] == 1
    assert reported["left_alone"] == {"too-new": 3}
    ran = fileorg("clean", "tree", "--older-than", "1mo").out
    assert re.search(rf"^  3  items changed within the last 1mo \(since {DATE}\)$", ran, re.MULTILINE)
    assert {"new.txt", "link", "sub/"} <= tree.read().keys()


def test_a_folder_with_newer_files_is_no_duplicate(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a/x.txt": "same" * 99, "b/x.txt": "same" * 99, "b/new.txt": "more"})
    old = time.time_ns() - 40 * DAY_NS
    for name in ("a/x.txt", "b/x.txt"):
        tree.set_time(name, old)
    assert "Folders with the same content" not in fileorg("dedupe", "tree", "--older-than", "1d").out


@pytest.mark.parametrize("command", ["organize", "clean", "dedupe", "scan", "categorize", "purge"])
def test_every_unit_is_in_the_help(fileorg: Fileorg, command: str) -> None:
    reported = " ".join(fileorg(command, "--help", COLUMNS="200").out.split())
    assert re.search(r"30s, 10min, 12h, (7d|30d), 2w, 6mo \(months\) or 1y ago", reported)
    assert ("m is minutes" in reported) == (command != "purge")
