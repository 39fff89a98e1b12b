"""What people say in their rules: a rule file, a tree before, the tree after a run of organize."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.support.tree import Tree

from fileorg.core.errors import UsageError
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.rules.config_file import parse_configuration
from fileorg.scan.stays import NotTaken
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.explain import RuleOfFile, explain
from fileorg.workflows.organize import OrganizeOptions
from fileorg.workflows.rule_check import checked_rules, tried_rules

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs

    from fileorg.core.model import Outcome

DAY_NS = 86_400 * 10**9


class Need(NamedTuple):
    """Rules in TOML (`TREE` and `BIG` are folders), names with their content, and where they are afterwards.

    `ages` are in days, `days` are dates. A new path of None stands for the trash.
    """

    rules: str
    moves: dict[str, str | None]
    contents: dict[str, str] = {}  # noqa: RUF012
    ages: dict[str, float] = {}  # noqa: RUF012
    days: dict[str, str] = {}  # noqa: RUF012
    before: tuple[str, ...] = ()


def run(tree: Tree, runs: Runs, toml: str, **options: object) -> Outcome:
    big = tree.root.parent / "big"
    big.mkdir(exist_ok=True)
    text = toml.replace("TREE", str(tree.root)).replace("BIG", str(big))
    configuration = parse_configuration(b"fileorg.toml", b"version = 1\n" + text.encode())
    return runs.organize(**{"recursive": True, "configuration": configuration} | options)


NEEDS = {
    "1 a type to a folder": Need(
        '[[rule]]\nwhen = { ext = ["pdf", "docx"] }\nto = "Papers"',
        {"a.PDF": "Papers/a.PDF", "b.docx": "Papers/b.docx", "c.xyz": "c.xyz"},
    ),
    "2 screenshots": Need(
        '[[rule]]\nwhen = { name = ["Screenshot*", "Screen Shot*", "Bildschirmfoto*"] }\nto = "Screenshots"',
        {
            "screenshot 1.png": "Screenshots/screenshot 1.png",
            "BILDSCHIRMFOTO.PNG": "Screenshots/BILDSCHIRMFOTO.PNG",
            "my screenshot.png": "Images/my screenshot.png",
        },
    ),
    "3 old installers to the trash": Need(
        '[[rule]]\nwhen = { category = "Installers", age = ">14d" }\naction = "trash"',
        {"old.dmg": None, "new.dmg": "Installers/new.dmg"},
        ages={"old.dmg": 20},
    ),
    "4 unfinished downloads": Need(
        '[[rule]]\nwhen = { ext = ["crdownload", "part"], age = ">7d", unready = true }\naction = "trash"',
        {"a.crdownload": None, "b.crdownload": "b.crdownload", "c.pdf": "Documents/c.pdf"},
        ages={"a.crdownload": 9},
    ),
    "7 the rest": Need(
        '[[rule]]\nwhen = { ext = "pdf" }\nto = "Papers"\n[[rule]]\nto = "To review/{category}"',
        {"a.pdf": "Papers/a.pdf", "b.jpg": "To review/Images/b.jpg", "c.unheard": "To review/Other/c.unheard"},
    ),
    "8 invoices by year": Need(
        '[[rule]]\nwhen = { name = "*invoice*", ext = "pdf" }\nto = "Invoices/{year}"',
        {"My Invoice 3.pdf": "Invoices/2023/My Invoice 3.pdf", "invoice.jpg": "Images/invoice.jpg"},
        days={"My Invoice 3.pdf": "2023-04-05"},
    ),
    "9 a part of the name": Need(
        "[[rule]]\nwhen = { regex = '^(?P<client>[A-Z]{3})-' }\nto = \"Clients/{re.client}\"",
        {"ABC-1.pdf": "Clients/ABC/ABC-1.pdf", "abc-2.pdf": "Documents/abc-2.pdf"},
    ),
    "11 and, or, not": Need(
        '[[rule]]\nwhen = { ext = ["pdf", "txt"] }\nnot = { name = "*draft*" }\n'
        'any = [ { name = "a*" }, { size = ">3B" } ]\nto = "X"',
        {
            "a.pdf": "X/a.pdf",
            "a draft.pdf": "Documents/a draft.pdf",
            "b.txt": "X/b.txt",
            "c.txt": "Documents/c.txt",
        },
        contents={"b.txt": "long"},
    ),
    "12 leave alone": Need(
        '[[rule]]\nwhen = { path = "tax/**" }\nkeep = true\n[[rule]]\nto = "All"',
        {"tax/2020/a.pdf": "tax/2020/a.pdf", "b.pdf": "All/b.pdf"},
    ),
    "13 only this folder": Need(
        '[[rule]]\nwhen = { in = "TREE/in", depth = 0 }\nto = "Top"\n[[rule]]\nwhen = { in = "in", depth = "..1" }\n'
        'to = "Second"',
        {"in/a.pdf": "Top/a.pdf", "in/x/b.pdf": "Second/b.pdf", "in/x/y/c.pdf": "Documents/c.pdf"},
    ),
    "14 big files to the other disk": Need(
        '[[rule]]\nwhen = { size = ">4B" }\nto = "BIG/{category}"',
        {"a.mkv": "../big/Video/a.mkv", "b.mkv": "Video/b.mkv"},
        contents={"a.mkv": "large"},
    ),
    "15 small pictures": Need(
        '[[rule]]\nwhen = { category = "images", size = "<3B" }\nto = "Icons"',
        {"a.png": "Icons/a.png", "b.png": "Images/b.png"},
        contents={"b.png": "large"},
    ),
    "19 not touched, or young": Need(
        '[[rule]]\nwhen = { age = "<1h" }\nkeep = true\n[[rule]]\nwhen = { age = ">40d" }\nto = "Old"',
        {"a.pdf": "a.pdf", "b.pdf": "Old/b.pdf", "c.pdf": "Documents/c.pdf"},
        ages={"b.pdf": 50, "c.pdf": 3},
    ),
    "20 when it came": Need(
        '[[rule]]\nwhen = { added = "<7d" }\nto = "New"\n[[rule]]\nwhen = { added = ">7d" }\nto = "Old"',
        {"a.pdf": "New/a.pdf"},
        ages={"a.pdf": 50},
    ),
    "21 a calendar span": Need(
        '[[rule]]\nwhen = { modified = "2023-10..2024-03" }\nto = "Winter"\n'
        '[[rule]]\nwhen = { modified = "..2019" }\nto = "Old"',
        {"a.pdf": "Winter/a.pdf", "b.pdf": "Old/b.pdf", "c.pdf": "Documents/c.pdf"},
        days={"a.pdf": "2024-03-31T23:59:59", "b.pdf": "2019-12-31", "c.pdf": "2020-01-01"},
    ),
    "22 a financial year": Need(
        '[[rule]]\nto = "Tax/{modified:fy4}"',
        {"a.pdf": "Tax/2022-23/a.pdf", "b.pdf": "Tax/2023-24/b.pdf"},
        days={"a.pdf": "2023-03-31", "b.pdf": "2023-04-01"},
    ),
    "23 house style": Need(
        "[[rule]]\nnot = { regex = '^\\d{4}-\\d{2}-\\d{2}' }\nto = \"P/{modified:%Y-%m-%d}_{name}\"",
        {"a.pdf": "P/2023-04-05_a.pdf", "2020-01-01 b.pdf": "Documents/2020-01-01 b.pdf"},
        days={"a.pdf": "2023-04-05"},
    ),
    "24 several roots": Need(
        '[[rule]]\nwhen = { in = ["one", "TREE/two"] }\nto = "X"',
        {"one/a.pdf": "X/a.pdf", "two/b.pdf": "X/b.pdf", "three/c.pdf": "Documents/c.pdf"},
    ),
    "25 keep the folders": Need(
        '[[rule]]\nwhen = { ext = "jpg" }\nto = "Photos/{dir}"',
        {"a/b/c.jpg": "Photos/a/b/c.jpg", "d.jpg": "Photos/d.jpg"},
    ),
    "26 flatten": Need(
        '[[rule]]\nto = "All/{name}"\non_conflict = "rename"',
        {"a.pdf": "All/a.pdf", "x/a.pdf": "All/a (2).pdf"},
    ),
    "27 another policy": Need(
        '[[rule]]\nto = "All"\non_conflict = "skip"',
        {"a.pdf": "All/a.pdf", "x/a.pdf": "x/a.pdf"},
    ),
    "28 a copy": Need(
        '[[rule]]\nwhen = { name = "invoice*" }\naction = "copy"\nto = "Backup"',
        {"invoice.pdf": "invoice.pdf", "b.pdf": "Documents/b.pdf"},
    ),
    "29 sets": Need(
        '[sets]\nraw = ["dng", "cr2"]\n[[rule]]\nwhen = { ext = ["@raw", "@video"] }\nto = "Camera"',
        {"a.CR2": "Camera/a.CR2", "b.mp4": "Camera/b.mp4", "c.jpg": "Images/c.jpg"},
    ),
    "30 switched off": Need(
        '[[rule]]\nenabled = false\nto = "X"',
        {"a.pdf": "Documents/a.pdf"},
    ),
    "36 first letter, size, month": Need(
        '[[rule]]\nwhen = { ext = "pdf" }\nto = "{name:1:upper}/{size_class}/{modified:%B}"',
        {"alpha.pdf": "A/Tiny/April/alpha.pdf"},
        days={"alpha.pdf": "2023-04-05"},
    ),
    "37 lower case, no blanks": Need(
        '[[rule]]\nto = "X/{stem:slug}.{ext:lower}"',
        {"My Report (2).PDF": "X/my_report_2.pdf", "README": "X/readme"},
    ),
    "38 existing folders": Need(
        '[[rule]]\nto = "{folder_in_name:Projects}"',
        {"Offer acme corp 3.pdf": "Projects/Acme Corp/Offer acme corp 3.pdf", "b.pdf": "Documents/b.pdf"},
        before=("Projects/Acme/", "Projects/Acme Corp/"),
    ),
    "40 hidden, mine, read-only": Need(
        '[[rule]]\nwhen = { hidden = true, owner = "me" }\nto = "Hidden"',
        {".rc": "Hidden/.rc", "a.pdf": "Documents/a.pdf"},
    ),
}


@pytest.mark.parametrize("need", NEEDS.values(), ids=NEEDS)
def test_a_need(tree: Tree, runs: Runs, need: Need) -> None:
    tree.write({path: need.contents.get(path, path[:1] + str(number % 10)) for number, path in enumerate(need.moves)})
    tree.write(dict.fromkeys(need.before, ""))
    for path, days in need.ages.items():
        tree.set_time(path, time.time_ns() - int(days * DAY_NS))
    for path, day in need.days.items():
        tree.date(path, day)
    wanted = {new: (tree.root / path).read_bytes() for path, new in need.moves.items() if new is not None}
    before = tree.snapshot()
    run(tree, runs, need.rules)
    there = {path: (tree.root / path).read_bytes() for path in wanted if (tree.root / path).is_file()}
    assert there == wanted
    gone = [path for path, new in need.moves.items() if new is None]
    assert [path for path in gone if (tree.root / path).exists() or f".fileorg/trash/1/{path}" not in tree.read()] == []
    if need.moves.keys() != set(need.moves.values()):
        runs.undo()
    assert tree.snapshot() == before


def test_only_some_rules(tree: Tree, runs: Runs) -> None:
    """31: by tag."""
    tree.write({"a.pdf": "1", "b.jpg": "2"})
    rules = '[[rule]]\ntags = ["nightly"]\nwhen = { ext = "pdf" }\nto = "N"\n[[rule]]\nwhen = { ext = "jpg" }\nto = "J"'
    run(tree, runs, rules, rules=["@nightly"])
    assert tree.read() == {"N/a.pdf": "1", "Images/b.jpg": "2"}


def test_by_origin(tree: Tree, runs: Runs) -> None:
    """16: the address that a browser noted."""
    tree.write({"a.pdf": "1", "b.pdf": "2"})
    try:
        os.setxattr(tree.path("a.pdf"), b"user.xdg.origin.url", b"https://www.mybank.example/x?y=1")
    except OSError:
        pytest.skip("no extended attributes here")
    run(tree, runs, '[[rule]]\nwhen = { from = "*.mybank.example" }\nto = "Bank"')
    assert tree.read() == {"Bank/a.pdf": "1", "Documents/b.pdf": "2"}


def test_all_files_of_a_folder_go_together(tree: Tree, runs: Runs) -> None:
    """35: a folder whose name fits: its files move with the folders in it, and the empty folder is removed."""
    tree.write({"Album Rome/1.jpg": "1", "Album Rome/best/2.jpg": "2", "More/3.jpg": "3", "Album Rome/cover.txt": "4"})
    before = tree.snapshot()
    run(tree, runs, '[[rule]]\nwhen = { path = "Album */**" }\nto = "Albums/{dir}"', remove_empty=True)
    assert tree.read() == {
        "Albums/Album Rome/1.jpg": "1",
        "Albums/Album Rome/best/2.jpg": "2",
        "Albums/Album Rome/cover.txt": "4",
        "Images/3.jpg": "3",
    }
    assert not (tree.root / "Album Rome").exists()
    runs.undo()
    assert tree.snapshot() == before


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ('[[rule]]\nwhen = { duplicate = true }\naction = "trash"', "fileorg dedupe"),
        ('[[rule]]\nwhen = { kind = "folder" }\nto = "X"', "{dir}"),
        ('[[rule]]\nwhen = { taken = "soon" }\nto = "X"', "this is no date"),
        ('[[rule]]\nwhen = { has = "soul" }\nto = "X"', "which no file says of itself"),
        ('[[rule]]\nwhen = { meta = { artsit = "X" } }\nto = "X"', "did you mean artist"),
        ('[[rule]]\nwhen = { pixels = "<big" }\nto = "X"', "no size of a picture"),
        ('[[rule]]\nwhen = { duration = "<40x" }\nto = "X"', "no length of time"),
        ('[[rule]]\nwhen = { text = "(" }\nto = "X"', "cannot be used"),
        ('[[rule]]\nwhen = { mismatch = "yes" }\nto = "X"', "neither true nor false"),
        ('[[rule]]\nwhen = { type = "image*" }\nto = "X"', "no media type"),
        ('[[rule]]\nwhen = { size = "big" }\nto = "X"', "fileorg.toml, line 3"),
        ('[[rule]]\nwhen = { regex = "(" }\nto = "X"', "cannot be used"),
        ('[[rule]]\nto = "{re.client}"', "client"),
        ('[[rule]]\nto = "../x"', ". or .."),
        ('[[rule]]\nto = "{taken.decade}"', "taken has no part decade"),
        ('[[rule]]\nto = "{meta.artsit}"', "did you mean artist"),
    ],
)
def test_bad_rules_name_their_line_and_move_nothing(tree: Tree, runs: Runs, rules: str, said: str) -> None:
    tree.write({"a.pdf": "1"})
    with pytest.raises(UsageError, match="line") as raised:
        run(tree, runs, rules)
    assert said in f"{raised.value} {raised.value.hint}"
    assert tree.read() == {"a.pdf": "1"}


def test_an_empty_field_does_not_match(tree: Tree, runs: Runs) -> None:
    tree.write({"a": "1", "b.pdf": "2"})
    run(tree, runs, '[[rule]]\nto = "{ext}"\n[[rule]]\nto = "Rest"')
    assert tree.read() == {"Rest/a": "1", "pdf/b.pdf": "2"}


def test_a_group_follows_its_main_file(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    tree.write({"film.mkv": "1", "film.srt": "2", "img.jpg": "3", "img.xmp": "4"})
    tree.date("img.jpg", "2023-04-05")
    rules = '[[rule]]\nwhen = { ext = "srt" }\nto = "Subtitles"\n[[rule]]\nto = "X/{modified:%Y}_{name}"\n'
    run(tree, runs, rules + 'not = { ext = "mkv" }\n[[rule]]\nto = "Films"')
    assert tree.read() == {"Films/film.mkv": "1", "Films/film.srt": "2", "X/2023_img.jpg": "3", "X/2023_img.xmp": "4"}


def test_a_second_run_changes_nothing(tree: Tree, runs: Runs) -> None:
    tree.write({"a/x.jpg": "1", "b.pdf": "2", "c.txt": "3"})
    rules = '[[rule]]\nwhen = { ext = "jpg" }\nto = "{category}/{dir}"\n[[rule]]\nto = "{ext}/{modified:%Y}-{name}"'
    run(tree, runs, rules)
    after = tree.read()
    assert run(tree, runs, rules).done == 0
    assert tree.read() == after


@pytest.mark.parametrize("is_used", [False, True])
def test_an_undo_needs_its_destination_only_if_files_are_there(tree: Tree, runs: Runs, is_used: bool) -> None:
    """The undo of an earlier run has removed the destination; the rules of the later one sent all files elsewhere."""
    rules, dest = '[[rule]]\nwhen = { ext = "pdf" }\naction = "trash"', tree.path("sorted")
    tree.write({"b.txt": "1"})
    runs.organize(dest=dest)
    tree.write({"a.pdf": "2", **({"c.jpg": "3"} if is_used else {})})
    run(tree, runs, rules, dest=dest)
    runs.undo(1)
    if is_used:
        dest.rename(tree.path("moved"))
        with pytest.raises(UsageError, match="does not exist"):
            runs.undo(2)
        return
    assert not dest.exists()
    assert runs.undo(2).problems == []
    assert tree.read() == {"a.pdf": "2", "b.txt": "1"}


@pytest.mark.parametrize(
    ("rules", "files"),
    [
        ('when = { path = "**/invoices/*" }\nto = "Bills/{modified.year}"', {"invoices/b.pdf": "Bills/2023/b.pdf"}),
        ('when = { in = "sub" }\nto = "Moved"', {"sub/a.pdf": "Moved/a.pdf"}),
        ('when = { in = "sub" }\nto = "TREE/Moved/{category}"', {"sub/a.pdf": "Moved/Documents/a.pdf"}),
        ('to = "All/{parent|category}_{name}"', {"sub/a.pdf": "All/sub_a.pdf", "b.jpg": "All/Images_b.jpg"}),
        ('to = "{modified.year}/{category}/{parent|category}-{name}"', {"sub/a.pdf": "2023/Documents/sub-a.pdf"}),
        ('when = { in = "sub" }\nto = "{dir}/{parent}-{name}"', {"sub/a.pdf": "sub/sub-a.pdf"}),
        ('when = { depth = 0 }\nto = "Top"', {"a.pdf": "Top/a.pdf"}),
        (
            "when = { regex = '^Copy of (?P<rest>.+)\\.' }\nto = \"Docs/{re.rest}.{ext}\"",
            {"Copy of a.b.PDF": "Docs/a.b.PDF"},
        ),
        ('when = { ext = "pdf" }\nto = "Docs/paper.{ext}"', {"a.pdf": "Docs/paper.pdf"}),
        ('to = "Docs/{modified:%Y}_{stem}.{ext}"', {"a.PDF": "Docs/2023_a.PDF", "b.tar.gz": "Docs/2023_b.tar.gz"}),
        ('to = "Docs/{stem}_{modified:%Y}.{ext:lower}"', {"a.PDF": "Docs/a_2023.pdf", "README": "Docs/README_2023"}),
        ('to = "Docs/{modified:%Y}_{stem:slug}.{ext}"', {"My File.pdf": "Docs/2023_my_file.pdf"}),
        ('to = "Docs/{modified:%Y-%m} {name:slug}"', {"My File.pdf": "Docs/2023-03 my_file.pdf"}),
        ('to = "Docs/{stem:1}_{name:lower}"', {"Bill.pdf": "Docs/B_bill.pdf"}),
        ('to = "Docs/{stem} of {modified.year}.txt"', {"2023.txt": "Docs/2023 of 2023.txt"}),
    ],
)
def test_what_a_rule_has_moved_stays_there(tree: Tree, runs: Runs, rules: str, files: dict[str, str]) -> None:
    """Also if the rule does not match it there: a second run moves nothing back to the folder of the category."""
    tree.write({path: path for path in files})
    for path in files:
        tree.date(path, "2023-03-05")
    for _ in range(2):
        run(tree, runs, f"[[rule]]\n{rules}")
        there = {path: content for path, content in tree.read().items() if not path.endswith("/")}
        assert there == {new: path for path, new in files.items()}


def test_a_destination_and_an_absolute_target(tree: Tree, runs: Runs, tmp_path: Path) -> None:
    """Relative targets are below --dest, absolute ones are not, and one undo takes all of it back."""
    dest, big = Tree(tmp_path / "dest"), Tree(tree.root.parent / "big")
    places = [tree, dest, big]
    tree.write({"a.pdf": "1", "b.mkv": "2", "c.jpg": "3", "d.iso": "4", "e.txt": "5"})
    before = [place.snapshot() for place in places]
    rules = (
        '[[rule]]\nwhen = { ext = "pdf" }\nto = "Papers"\n[[rule]]\nwhen = { ext = "mkv" }\nto = "BIG/Films"\n'
        '[[rule]]\nwhen = { ext = "iso" }\naction = "trash"\n[[rule]]\nwhen = { ext = "txt" }\nto = "TREE/Texts"'
    )
    run(tree, runs, rules, dest=dest.root)
    after = [
        {"Texts/e.txt": "5", ".fileorg/trash/1/d.iso": "4"},
        {"Papers/a.pdf": "1", "Images/c.jpg": "3"},
        {"Films/b.mkv": "2"},
    ]
    assert [place.read() for place in places] == after
    assert runs.undo().problems == []
    assert [place.snapshot() for place in places] == before
    assert runs.redo().problems == []
    assert [place.read() for place in places] == after


@pytest.mark.parametrize(
    ("target", "new"),
    [
        ("{stem:title}.{ext}", "Bob's M\u00fcller O'Brien S01E02_X.txt"),
        ("{name:title}", "Bob's M\u00fcller O'Brien S01E02_X.txt"),
        ("{name:upper}", "BOB'S MU\u0308LLER O'BRIEN S01E02_X.TXT"),
        ("{stem:slug}.{ext}", "bob_s_m\u00fcller_o_brien_s01e02_x.txt"),
        ("{stem:7}.{ext}", "bob's m.txt"),
        ("{stem:8}.{ext}", "bob's m\u00fc.txt"),
    ],
)
def test_a_format_tears_no_letter_from_its_marks(tree: Tree, runs: Runs, target: str, new: str) -> None:
    """Names from macOS have them apart."""
    tree.write({"bob's mu\u0308ller o'brien s01e02_x.txt": "1"})
    run(tree, runs, f'[[rule]]\nto = "T/{target}"')
    assert tree.read() == {f"T/{new}": "1"}


def test_a_folder_whose_name_has_its_marks_apart_stands_in_a_name(tree: Tree, runs: Runs) -> None:
    tree.write({"P/Mu\u0308ller/x.txt": "0", "offer mu\u0308ller.pdf": "1", "bill M\u00fcller.pdf": "2"})
    run(tree, runs, '[[rule]]\nwhen = { ext = "pdf" }\nto = "{folder_in_name:P}"\n[[rule]]\nkeep = true')
    assert tree.read() == {
        "P/Mu\u0308ller/x.txt": "0",
        "P/Mu\u0308ller/offer mu\u0308ller.pdf": "1",
        "P/Mu\u0308ller/bill M\u00fcller.pdf": "2",
    }


@pytest.mark.parametrize("on_conflict", ["rename", "skip", "keep-newer", "fail"])
def test_a_file_that_got_a_number_is_already_there(tree: Tree, runs: Runs, on_conflict: str) -> None:
    """It was said to be identical to itself."""
    tree.write({"a.jpg": "1", "b.jpg": "2", "sub/c.jpg": "1"})
    for path in tree.read():
        tree.date(path, "2023-03-05")
    rules = '[[rule]]\nto = "Photos/{modified:%Y}.{ext}"'
    run(tree, runs, rules)
    there = {"Photos/2023.jpg": "1", "Photos/2023 (2).jpg": "2", "sub/c.jpg": "1"}
    assert tree.read() == there
    again = run(tree, runs, f'{rules}\non_conflict = "{on_conflict}"')
    assert tree.read() == there
    assert sorted((each.path, each.reason) for each in again.problems) == [
        (b"Photos/2023 (2).jpg", Reason(ReasonCode.ALREADY_THERE)),
        (b"sub/c.jpg", Reason(ReasonCode.IDENTICAL, b"Photos/2023.jpg")),
    ]


@pytest.mark.parametrize("target", ["{name:slug}", "{stem:slug:3}/{name}", "{name:1}", "x" * 180 + "{name}"])
def test_a_file_for_which_a_target_is_empty_or_too_long_goes_by_the_next_rule(
    tree: Tree, runs: Runs, target: str
) -> None:
    long, signs, other = "y" * 100 + ".txt", " !.txt", "a.txt"
    tree.write({long: "1", signs: "2", other: "3"})
    run(tree, runs, f'[[rule]]\nto = "A/{target}"\n[[rule]]\nto = "B"')
    there = {path.rpartition("/")[0].partition("/")[0] for path in tree.read() if path.endswith((long, signs))}
    assert "Documents" not in there
    assert "B" in there


def test_a_rule_for_all_files_may_leave_some_to_the_next(tree: Tree) -> None:
    rules = b'version = 1\n[[rule]]\nto = "A/{name:slug}"\n[[rule]]\nto = "A/{category}"\n[[rule]]\nto = "B"\n'
    found = checked_rules(parse_configuration(b"fileorg.toml", rules), os.fsencode(tree.root))
    assert [(each.rule, "rule 2" in each.message) for each in found] == [("rule 3", True)]


def test_portable_names(tree: Tree, runs: Runs) -> None:
    names = {
        "a: b?.pdf": "X/a_ b_.pdf",
        "con.pdf": "X/con_.pdf",
        "plain é.pdf": "X/plain é.pdf",
    }
    tree.write({name: name for name in names})
    before = tree.snapshot()
    rules = '[[rule]]\nwhen = { ext = "pdf" }\nto = "X"'
    run(tree, runs, '[settings]\nnames = "portable"\n' + rules)
    assert tree.read() == {new: name for name, new in names.items()}
    runs.undo()
    assert tree.snapshot() == before


def test_months_in_a_language(tree: Tree, runs: Runs) -> None:
    tree.write({"a.pdf": "1"})
    tree.date("a.pdf", "2023-03-05")
    rules = '[[rule]]\nto = "{modified:%B}"'
    with pytest.raises(UsageError, match=r"fileorg.toml, line \d+: .*xx_YY"):
        run(tree, runs, '[settings]\nlocale = "xx_YY"\n' + rules)
    assert tree.read() == {"a.pdf": "1"}
    run(tree, runs, '[settings]\nlocale = "C"\n' + rules)
    assert tree.read() == {"March/a.pdf": "1"}


def test_targets_on_a_disk_that_ignores_case(tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets that differ in case only are one folder there, and names that do so are one name."""
    monkeypatch.setattr(LocalStorage, "is_case_insensitive", lambda _: True)
    tree.write({"a.pdf": "1", "b.jpg": "2", "sub/A.PDF": "3", "papers/c.jpg": "4"})
    rules = (
        '[[rule]]\nwhen = { ext = "pdf" }\nto = "Papers"\n'
        '[[rule]]\nwhen = { name = "b*" }\nto = "PAPERS"\n[[rule]]\nto = "papers"'
    )
    run(tree, runs, rules)
    found = sorted(path.lower() for path in tree.read() if not path.endswith("/"))
    assert found == ["papers/a (2).pdf", "papers/a.pdf", "papers/b.jpg", "papers/c.jpg"]


def test_explain_names_the_rule_and_the_keys_that_failed(tree: Tree, runs: Runs) -> None:
    tree.write({"tax/a.pdf": "1", "b.pdf": "2", "c.jpg": "3"})
    text = (
        b'version = 1\n[[rule]]\nname = "tax"\nwhen = { path = "tax/**" }\nkeep = true\n'
        b'[[rule]]\nname = "papers"\nwhen = { ext = "pdf" }\nto = "Papers"'
    )
    options = OrganizeOptions(b"", configuration=parse_configuration(b"fileorg.toml", text))
    root = os.fsencode(tree.root)
    kept, moved, other = (
        explain(os.path.join(root, path), root, options, runs.state) for path in (b"tax/a.pdf", b"b.pdf", b"c.jpg")
    )
    assert (kept.reason, kept.rule) == (NotTaken.KEPT, RuleOfFile("tax", 2, "keep"))
    assert (moved.new_path, moved.rule) == (os.path.join(root, b"Papers/b.pdf"), RuleOfFile("papers", 6, "to"))
    assert moved.rules_before == [RuleOfFile("tax", 2, "keep", 'when: path = "tax/**"')]
    assert (other.rule, [rule.name for rule in other.rules_before]) == (None, ["tax", "papers"])


RULES_WITH_FAULTS = b"""version = 1
[[rule]]
name = "papers"
when = { ext = ["pdf", "txt"] }
to = "Papers"
matches = ["a.pdf", "b.jpg"]
[[rule]]
name = "invoices"
when = { name = "*invoice*", ext = "pdf" }
to = "Invoices"
matches = ["invoice.pdf"]
[[rule]]
name = "words"
when = { regex = "\\bword" }
to = "Words"
"""


def test_a_check_of_rules_finds_mistakes(tree: Tree) -> None:
    configuration = parse_configuration(b"fileorg.toml", RULES_WITH_FAULTS)
    found = [(each.rule, each.message) for each in checked_rules(configuration, os.fsencode(tree.root))]
    assert [name for name, _ in found] == ["invoices", "words"]
    assert "papers of line 2 matches all its files first" in found[0][1]
    assert "control character" in found[1][1]


def test_a_check_of_rules_finds_all_wrong_values(tree: Tree) -> None:
    text = b'version = 1\n[[rule]]\nto = "x"\nwhen = { size = "big" }\n[[rule]]\nto = "y"\nwhen = { age = "old" }\n'
    configuration = parse_configuration(b"fileorg.toml", text, with_rules=False)
    found = checked_rules(configuration, os.fsencode(tree.root))
    assert [(each.line, each.message) for each in found] == [
        (4, "size is big, which says neither more nor less"),
        (7, "age is old, which says neither more nor less"),
    ]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('when = { name = ["*.pdf", "!draft*"] }\nto = "P"', "begins with !, and excludes nothing"),
        ('when = { name = "notes.txt" }\nto = "Docs/todo.txt"', "ends in todo.txt, which is a folder"),
        ('to = "Docs/v1.2"', ""),
        ('when = { name = "*.{jpg,png}" }\nto = "P"', "name *.{jpg,png} has braces"),
        ('when = { path = "{a,b}/**" }\nto = "P"', "path {a,b}/** has braces"),
        ('when = { name = "{1}*" }\nto = "P"', ""),
        ('to = "$HOME/Papers"', "has a $"),
        ("to = 'C:\\Papers'", "has a \\"),
        ('when = { type = "nef" }\nto = "P"', "type nef matches no file"),
        ('when = { type = ["jpeg", "tiff", "pdf", "txt", "image/*"] }\nto = "P"', ""),
        ('to = "Docs/{name:1}.txt"', ""),
    ],
)
def test_a_check_of_rules_finds_what_people_write_by_mistake(tree: Tree, rule: str, said: str) -> None:
    configuration = parse_configuration(b"fileorg.toml", b"version = 1\n[[rule]]\n" + rule.encode())
    messages = [each.message for each in checked_rules(configuration, os.fsencode(tree.root))]
    assert [said in message for message in messages] == ([True] if said else [])


@pytest.mark.parametrize(
    ("key", "first", "second", "is_hidden"),
    [
        ("name", "invoice*", "*invoice*", False), ("name", "*INVOICE*", "*invoice*", True),
        ("from", "*.github.com", "github.com", False), ("regex", "^[A-Z]", "^[a-z]", False),
        ("path", "Tax/**", "tax/**", False), ("ext", ".PDF", "*.pdf", True), ("category", "Images", "images", True),
    ],
)  # fmt: skip
def test_a_rule_is_hidden_by_one_that_surely_matches_its_files(
    tree: Tree, key: str, first: str, second: str, is_hidden: bool
) -> None:
    rules = "version = 1\n" + "".join(
        f"[[rule]]\nwhen = {{ {key} = '{value}' }}\nto = 'x'\n" for value in (first, second)
    )
    found = checked_rules(parse_configuration(b"fileorg.toml", rules.encode()), os.fsencode(tree.root))
    assert [each.rule for each in found] == (["rule 2"] if is_hidden else [])


def test_a_pattern_excludes_a_part_of_another(tree: Tree) -> None:
    rule = b"version = 1\n[[rule]]\nwhen = { name = '*draft*' }\nnot = { name = 'draft*' }\nkeep = true\n"
    assert checked_rules(parse_configuration(b"fileorg.toml", rule), os.fsencode(tree.root)) == []


def test_examples_are_tried(tree: Tree) -> None:
    configuration = parse_configuration(b"fileorg.toml", RULES_WITH_FAULTS)
    examples, found = tried_rules(configuration, os.fsencode(tree.root))
    assert (examples, [(each.rule, each.line) for each in found]) == (3, [("papers", 2), ("invoices", 7)])
    assert [each.message for each in found] == [
        'it does not match b.jpg, because of when: ext = ["pdf", "txt"]',
        "it does not get invoice.pdf: the rule papers decides first",
    ]


def test_a_target_of_what_is_in_a_file_is_no_reason_against_an_example(tree: Tree) -> None:
    """Nor does a rule with such a target take the examples of a later one."""
    rules = (
        '[[rule]]\nto = "Music/{meta.artist}"\n'
        '[[rule]]\nwhen = { ext = "jpg" }\nto = "P/{taken.year}/{meta.camera}/{stem}.{type}"\nmatches = ["a.jpg"]\n'
        '[[rule]]\nto = "{folder_in_name:Projects}"\nmatches = ["b.pdf"]\n'
        '[[rule]]\nwhen = { ext = "txt" }\nto = "X"\nmatches = ["c.txt"]\nnot_matches = ["d.pdf"]\n'
    )
    configuration = parse_configuration(b"fileorg.toml", b"version = 1\n" + rules.encode())
    assert tried_rules(configuration, os.fsencode(tree.root)) == (4, [])


def test_the_examples_of_a_rule_that_no_run_could_use_are_not_tried(tree: Tree) -> None:
    """`rules test` and `rules check` agree on it."""
    rule = 'to = "x"\nwhen = {{ {}, ext = "jpg" }}\nmatches = ["a.jpg"]\n'
    text = "version = 1\n[[rule]]\n" + "[[rule]]\n".join(
        map(rule.format, ('modified = "today"', "size = 0", 'age = ">1d"'))
    )
    configuration = parse_configuration(b"fileorg.toml", text.encode(), with_rules=False)
    examples, found = tried_rules(configuration, os.fsencode(tree.root))
    assert found == checked_rules(configuration, os.fsencode(tree.root))
    assert (examples, [(each.line, each.message) for each in found]) == (
        1, [(4, "modified is today: this is no date"), (8, "size is 0, which says neither more nor less")],
    )  # fmt: skip
