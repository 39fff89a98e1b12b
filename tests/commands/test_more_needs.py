"""Wishes of users of organize, Hazel, DropIt, maid and File Juggler, as docs/rules.md says them: before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.test_by_date import write
from tests.commands.test_content_rules import configured, taken
from tests.content.media_samples import mp3
from tests.content.test_documents import pdf

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

RULES = r"""
[sets]
raw = ["dng", "nef"]
work = ["docx", "xlsx"]

[[rule]]
name = "shortcuts and a folder stay"
any = [{ path = ["**/keep/**", "*.lnk"] }, { name = "Read me*" }]
keep = true

[[rule]]
name = "invoices by number"
when = { regex = '^RG(?P<number>\d{6})-sig\.pdf$' }
to = "Invoices/{re.number}"

[[rule]]
name = "invoices by year, but no drafts"
when = { ext = "pdf", name = "*invoice*" }
not = { name = "*draft*" }
to = "Invoices/{modified.year}"

[[rule]]
name = "scans of one page, by title or name"
when = { ext = "pdf", meta = { pages = "1" } }
to = "Scans/{modified:%Y}/{meta.title|stem}.{ext}"

[[rule]]
name = "one spelling of an extension"
when = { ext = ["jpeg", "jpe"] }
not = { has = "camera" }
to = "{dir}/{stem}.jpg"

[[rule]]
name = "episodes"
when = { regex = '(?i)^(?P<show>.+?)[. _-]+s(?P<season>\d{2})e\d{2}.*\.(mkv|mp4)$' }
to = "TV/{re.show:slug:title}/Season {re.season}"

[[rule]]
name = "starts and ends"
when = { regex = '(?i)^(draft|wip).*(final|v2)\.[a-z]+$' }
to = "Drafts"

[[rule]]
name = "pictures of a messenger"
when = { category = "Images", regex = '-WA\d{4}' }
not = { has = "camera" }
to = "WhatsApp/{named:%Y-%m}"

[[rule]]
name = "photos of a camera, by quarter"
when = { has = "camera", taken = "2010..2019" }
to = "Photos/{taken:%Y}-Q{taken:%q}/{meta.camera:slug}"

[[rule]]
name = "raw without a camera"
when = { ext = "@raw" }
to = "RAW/{taken|modified:%Y}/{stem:upper}.{ext:lower}"

[[rule]]
name = "music"
when = { category = "Audio", has = "artist" }
to = "Music/{meta.artist}/{meta.album|category}/{meta.track} {meta.title}.{ext}"

[[rule]]
name = "customers that have a folder"
when = { ext = "@work" }
to = "{folder_in_name:Customers}"

[[rule]]
name = "logs by week"
when = { ext = "log", modified = "2021-01..2021-06", size = "1B..1MB" }
to = "Logs/{modified:%G-W%V}"

[[rule]]
name = "empty files"
when = { empty = true, depth = "..1" }
action = "trash"

[[rule]]
name = "old packages by size and letter"
when = { category = ["Archives", "Installers"], age = ">1y" }
to = "Packages/{size_class}/{name:1}"
"""

BEFORE_AND_AFTER = {
    "sub/keep/a.log": "sub/keep/a.log",
    "site.lnk": "site.lnk",
    "READ ME.txt": "READ ME.txt",
    "RG123456-sig.pdf": "Invoices/123456/RG123456-sig.pdf",
    "My Invoice 3.pdf": "Invoices/2021/My Invoice 3.pdf",
    "draft invoice.pdf": "Documents/draft invoice.pdf",
    "titled.pdf": "Scans/2021/Lease 1.pdf",
    "untitled.PDF": "Scans/2021/untitled.PDF",
    "sub/a.jpeg": "sub/a.jpg",
    "The.Show.S01E02.720p.mkv": "TV/The_Show/Season 01/The.Show.S01E02.720p.mkv",
    "WIP plan FINAL.txt": "Drafts/WIP plan FINAL.txt",
    "IMG-20240115-WA0001.jpg": "WhatsApp/2024-01/IMG-20240115-WA0001.jpg",
    "DSC_1.jpg": "Photos/2012-Q2/nikon_z6/DSC_1.jpg",
    "dsc_2.NEF": "RAW/2021/DSC_2.nef",
    "x.mp3": "Music/AC_DC/Audio/07 T.N.T..mp3",
    "offer for Miller 3.docx": "Customers/Miller/offer for Miller 3.docx",
    "offer for nobody.docx": "Documents/offer for nobody.docx",
    "b.log": "Logs/2021-W09/b.log",
    "setup.deb": "Packages/Tiny/s/setup.deb",
}


def test_one_file_of_rules(runs: Runs, tree: Tree) -> None:
    contents = {
        "titled.pdf": pdf(b"/Title (Lease 1)", 1), "untitled.PDF": pdf(b"", 1),
        "DSC_1.jpg": taken("2012:05:03 10:11:12"), "x.mp3": mp3(1, TPE1="AC/DC", TIT2="T.N.T.", TRCK="7"),
        "My Invoice 3.pdf": pdf(b"", 9),
        "draft invoice.pdf": pdf(b"", 9),
    }  # fmt: skip
    write(tree, {name: contents.get(name, b"some text") for name in BEFORE_AND_AFTER} | {"nothing": b""})
    tree.path("Customers/Miller").mkdir(parents=True)
    before = tree.snapshot()
    runs.organize(configuration=configured(RULES), recursive=True)
    assert {path for path in tree.read() if not path.startswith(".fileorg")} == set(BEFORE_AND_AFTER.values())
    runs.undo()
    assert tree.snapshot() == before
