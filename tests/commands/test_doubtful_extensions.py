"""An ambiguous extension, or one of digits or a single letter, counts only if the content agrees."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.events import NullReporter
from fileorg.core.model import By
from fileorg.rules.filters import Filters
from fileorg.scan.walk import Seen
from fileorg.workflows.reports import reported
from fileorg.workflows.scan import categorize, scan_trees

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory
    from fileorg.report.content import Line

RECORDING = ("G" + "\0" * 187) * 20
H264 = "\0\0\0\1\x67\x42\0\x1e"
LOTUS = "\0\0\x1a\0\5\x10\4\0"
COMPRESSED = os.fsdecode(b"\x1f\x9d\x90squeezed")
KEYNOTE = "PK\3\4" + "\0" * 30
PUBLISHER = os.fsdecode(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
SEVEN_ZIP = os.fsdecode(b"7z\xbc\xaf\x27\x1c\0\4")

STAYS = {
    "Invoice No.123": "a",
    "Chapter.264": "b",
    "Chapter.265": "b",
    "Rev 2.001": "c",
    "host-10.0.0.123": "d",
    "Appendix.c": "The third of them, which is long; it ends here.\n",
    "Plan B.h": "h\n",
    "letter.z": "the last one",
    "Section 1.s": "It says: nothing.\n",
    "Room.r05": "five",
    "Zone.z01": "one",
    "cut.ts": "\0\1\2",
    "cut.mts": "\0\1\2",
    "id_rsa.key": "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    "id_ed25519.pub": "ssh-ed25519 AAAAC3Nza me@host\n",
    "a plant.pot": "Water it twice a week.\n",
    "backup.tar.gz.aa": "the first part",
    "disk.raw": "\0" * 600,
    "empty.c": "",
    "empty.ts": "",
}
GOES = {
    "recording.ts": (RECORDING, "Video"),
    "Camera.264": (H264, "Video"),
    "BUDGET.123": (LOTUS, "Spreadsheets"),
    "old.Z": (COMPRESSED, "Archives"),
    "main.c": ("int main(void) { return 0; }\n", "Code"),
    "main.h": ("#define A 1\n", "Code"),
    "plot.r": ("library(ggplot2)\n", "Code"),
    "talk.key": (KEYNOTE, "Presentations"),
    "flyer.pub": (PUBLISHER, "Documents"),
    "big.001": (SEVEN_ZIP, "Archives"),
    "mesh.obj": ("v 0 0 0\n", "Design"),
    "app.component.ts": ('import { Component } from "@angular/core";\nexport class App {}\n', "Code"),
    "words_de.ts": ('<?xml version="1.0"?><TS language="de"></TS>', "Code"),
    "server.mts": ("export const port = 80;\n", "Code"),
    "server.cts": ("export const port = 80;\n", "Code"),
    "words.pot": ('# Words\nmsgid ""\nmsgstr ""\n', "Data"),
    "adder.vhd": ("library ieee;\nuse ieee.std_logic_1164.all;\n", "Code"),
    "types.d.ts": ("declare const x: number;\n", "Code"),
    "all.tar.Z": ("not looked at", "Archives"),
}


def test_a_name_that_only_looks_as_if_it_had_an_extension_stays(tree: Tree, runs: Runs) -> None:
    tree.write(STAYS | {"plain.txt": "t"})
    runs.organize()
    assert tree.read() == STAYS | {"Documents/plain.txt": "t"}


def _inside(tree: Tree, line: Line) -> str:
    return os.path.relpath(os.fsdecode(os.path.join(line.source_folder or b"", line.source_name or b"")), tree.root)


def test_what_the_content_bears_out_goes(tree: Tree, runs: Runs) -> None:
    before = {name: content for name, (content, _) in GOES.items()}
    tree.write(before)
    runs.organize()
    assert tree.read() == {f"{category}/{name}": content for name, (content, category) in GOES.items()}
    runs.undo()
    assert tree.read() == before


@pytest.mark.parametrize(
    "parts",
    [
        ("Rev 2.001", "Rev 2.002"),
        ("film.mkv.001", "film.mkv.002", "film.mkv.003"),
        ("x.rar", "x.r00", "x.r01"),
        ("X.R00", "X.R01"),
        ("x.z01", "x.z02"),
        ("X.Z01", "X.ZIP"),
    ],
)
def test_the_next_part_bears_out_a_part(tree: Tree, runs: Runs, parts: tuple[str, ...]) -> None:
    tree.write(dict.fromkeys(parts, "cut") | {"Other.r77": "r"})
    runs.organize()
    assert tree.read() == {f"Archives/{part}": "cut" for part in parts} | {"Other.r77": "r"}


def test_a_folder_or_a_link_is_no_part(tree: Tree, runs: Runs) -> None:
    tree.write({"a.001": "1", "a.002/b": "2", "c.001": "3", "c.002": "-> plain", "plain": "p"})
    before = tree.read()
    runs.organize()
    assert tree.read() == before


def test_what_follows_a_file_stays_where_that_one_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a.ts": "\0\1", "a.srt": "1", "b.ts": RECORDING, "b.srt": "2"})
    runs.organize()
    assert tree.read() == {"a.ts": "\0\1", "a.srt": "1", "Video/b.ts": RECORDING, "Video/b.srt": "2"}


def test_by_extension_digits_and_letters_are_part_of_the_name(tree: Tree, runs: Runs) -> None:
    tree.write(
        {"No.123": "a", "Rev.7": "b", "x.q": "c", "main.c": "int x;\n", "app.ts": "let a;\n", "id.key": "-----\n"}
    )
    runs.organize(by=By.EXTENSION)
    assert set(tree.read()) == {
        *("No extension/No.123", "No extension/Rev.7", "No extension/x.q"),
        *("c/main.c", "ts/app.ts", "key/id.key"),
    }
    assert runs.organize(by=By.EXTENSION, recursive=True).done == 0


def test_what_cannot_be_read_stays(tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write({"a.ts": RECORDING, "b.ts": RECORDING, "c.txt": "c"})
    really = os.open

    def opened(path: bytes, *args: int, **options: int) -> int:
        if path == b"a.ts":
            raise PermissionError(13, "Permission denied")
        return really(path, *args, **options)

    monkeypatch.setattr(os, "open", opened)
    runs.organize()
    assert set(tree.read()) == {"a.ts", "Video/b.ts", "Documents/c.txt"}


def test_every_command_tells_the_same(tree: Tree, runs: Runs, state: StateDirectory) -> None:
    tree.write(STAYS | {name: content for name, (content, _) in GOES.items()})
    tree.write({"in/app.ts": "let a;\n", "in/film.ts": RECORDING, "in/cut.ts": "\0"})
    root = os.fsencode(tree.root)
    wanted = dict.fromkeys(STAYS, "Other") | {name: category for name, (_, category) in GOES.items()}
    wanted |= {"in/app.ts": "Code", "in/film.ts": "Video", "in/cut.ts": "Other"}
    output = categorize([root], Filters(), Seen(), NullReporter())
    assert {os.path.relpath(os.fsdecode(row.path), tree.root): row.evidence.category for row in output} == wanted
    totals = scan_trees([root], Filters(), state, NullReporter()).totals
    with reported(root, state) as report:
        lines = {_inside(tree, line): line.category for line in report.lines()}
        shares = {share.name: share.records for share in report.categories}
    assert lines == wanted
    assert shares == dict(totals.files)
    assert totals.files["Other"] == len(STAYS) + 1
    rows = [row for row in runs.dry_run(recursive=True) if row.source_name]
    moved = {os.fsdecode(os.path.join(row.source_folder, row.source_name)): row.category for row in rows}
    assert moved == {path: category for path, category in wanted.items() if category != "Other"}


def test_a_report_of_a_tree_that_is_gone_takes_what_is_in_doubt_for_other(tree: Tree, state: StateDirectory) -> None:
    tree.write({"a.ts": RECORDING, "b.jpg": "b"})
    root = os.fsencode(tree.root)
    scan_trees([root], Filters(), state, NullReporter())
    tree.root.rename(tree.root.with_name("elsewhere"))
    with reported(root, state) as report:
        assert {_inside(tree, line): line.category for line in report.lines()} == {"a.ts": "Other", "b.jpg": "Images"}


def test_duplicates_are_recorded_as_what_they_are(tree: Tree, runs: Runs) -> None:
    tree.write(
        {"a.ts": RECORDING, "b.ts": RECORDING, "c.ts": "let a;\n", "d.ts": "let a;\n", "e.ts": "\0", "f.ts": "\0"}
    )
    outcome = runs.dedupe("quarantine")
    assert outcome.operation is not None
    records = {record.source_name: record.category for record in runs.records(outcome.operation) if record.source_name}
    output = {name: records[name] for name in (b"b.ts", b"d.ts", b"f.ts")}
    assert output == {b"b.ts": "Video", b"d.ts": "Code", b"f.ts": "Other"}


def test_categorize_says_what_decided(tree: Tree) -> None:
    tree.write({"a.ts": RECORDING, "b.ts": "let b;\n", "d.ts": "\0", "No.123": "1", "v.7": "7", "c.jpg": "c"})
    found = categorize([os.fsencode(tree.root)], Filters(), Seen(), NullReporter())
    assert {os.path.basename(row.path): row.evidence.rule for row in found} == {
        b"a.ts": "extension .ts and content",
        b"b.ts": "extension .ts and content",
        b"d.ts": "extension .ts, but other content",
        b"No.123": "extension .123, but other content",
        b"v.7": "unknown extension .7",
        b"c.jpg": "extension .jpg",
    }


def test_what_goes_with_a_file_is_told_as_that_one(tree: Tree, runs: Runs, state: StateDirectory) -> None:
    tree.write({"film.ts": RECORDING, "film.srt": "1", "a.jpg": "a", "a.xmp": "x", "x.001": "1", "x.002": "2"})
    tree.write({"cut.ts": "\0", "cut.srt": "1"})
    root = os.fsencode(tree.root)
    found = {os.path.basename(row.path): row.evidence for row in categorize([root], Filters(), Seen(), NullReporter())}
    assert found[b"film.srt"].rule == "goes with film.ts"
    output = {os.fsdecode(name): evidence.category for name, evidence in found.items()}
    totals = scan_trees([root], Filters(), state, NullReporter()).totals
    with reported(root, state) as report:
        assert {_inside(tree, line): line.category for line in report.lines()} == output
    assert dict(totals.files) == {"Video": 2, "Images": 2, "Archives": 2, "Other": 2}
    moved = {os.fsdecode(row.source_name): row.category for row in runs.dry_run() if row.source_name}
    assert moved == {name: category for name, category in output.items() if category != "Other"}
