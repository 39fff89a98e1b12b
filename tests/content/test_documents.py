"""Title and pages of PDFs and office files: made here with known truths, and made to do harm."""

from __future__ import annotations

import io
import random
import struct
import time
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from tests.commands.test_content_rules import configured

from fileorg.content.documents import is_document, read_document
from fileorg.content.head import BytesContent
from fileorg.content.media import MediaFacts

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree


def pdf(info: bytes = b"", pages: int = 3, *more: bytes, trailer: bytes = b"", fillers: int = 0) -> bytes:
    """Return a PDF with a table of its objects: the catalog, the tree of pages, the information, and `more` from 4."""
    kids = b"<< /Type /Pages /Kids [] /Count %d >>" % pages
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", kids, b"<< %s >>" % info, *more, *[b"[]"] * fillers]
    content, offsets = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(content)
    content += b"xref\n0 1\n0000000000 65535 f \n1 %d\n%s" % (len(objects), table)
    return content + b"trailer\n<< /Root 1 0 R /Info 3 0 R %s>>\nstartxref\n%d\n%%%%EOF\n" % (trailer, start)


def updated(before: bytes, info: bytes) -> bytes:
    """Return a PDF with a newer information behind it."""
    previous = int(before.rpartition(b"startxref\n")[2].split()[0])
    content = before + b"3 0 obj\n<< %s >>\nendobj\n" % info
    table = b"xref\n3 1\n%010d 00000 n \ntrailer\n<< /Root 1 0 R /Info 3 0 R /Prev %d >>\n" % (len(before), previous)
    return content + table + b"startxref\n%d\n%%%%EOF" % len(content)


def office(*, method: int = zipfile.ZIP_DEFLATED, **parts: str) -> bytes:
    """Return a zip with these parts: `docProps_core="…"`."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        for name, text in parts.items():
            archive.writestr(name.replace("_", "/") + ".xml", text)
    return made.getvalue()


def core(title: str) -> str:
    return (
        f'<cp:coreProperties xmlns:dc="d"><dc:title>{title}</dc:title><dc:creator>Ann</dc:creator></cp:coreProperties>'
    )


APP = "<Properties><TotalTime>1</TotalTime><Pages>12</Pages><Words>3</Words></Properties>"
ODF = '<meta><dc:title>Zahlen</dc:title><meta:document-statistic meta:table-count="9" meta:page-count="4"/></meta>'
BOMB = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><dc:title>&b;</dc:title>"
UTF16 = "Größe 青".encode("utf-16-be").hex().encode()
XMP = b"<dc:title>\n<rdf:Alt><rdf:li xml:lang='x-default'>Packed &amp; sent</rdf:li></rdf:Alt></dc:title>"

TRUTHS: dict[str, tuple[bytes, dict[str, str]]] = {
    "pdf": (pdf(b"/Title (A letter) /Author (Ann)"), {"title": "A letter", "pages": "3"}),
    "pdf, brackets and escapes": (pdf(rb"/Title (a (b) \(c\\ \163\n d)"), {"title": r"a (b) (c\ s d", "pages": "3"}),
    "pdf in utf-16": (pdf(b"/Title <FEFF" + UTF16 + b">"), {"title": "Größe 青", "pages": "3"}),
    "pdf in utf-8": (pdf(b"/Title (\xef\xbb\xbfGr\xc3\xb6\xc3\x9fe)"), {"title": "Größe", "pages": "3"}),
    "pdf, quotes and a dash": (
        pdf(rb"/Title (Bob\220s \215A\216 \205 \223rst)"),
        {"title": "Bob\u2019s \u201cA\u201d \u2013 \ufb01rst", "pages": "3"},
    ),
    "pdf, the title elsewhere": (pdf(b"/Title 4 0 R", 1, b"(Of a Mac)"), {"title": "Of a Mac", "pages": "1"}),
    "pdf of 9,000 objects": (pdf(b"/Title (Long)", 700, fillers=9000), {"title": "Long", "pages": "700"}),
    "pdf, a newer title": (updated(pdf(b"/Title (Old)"), b"/Title (New)"), {"title": "New", "pages": "3"}),
    "pdf, encrypted": (pdf(b"/Title (\x93\x02)", 5, trailer=b"/Encrypt 4 0 R "), {"pages": "5"}),
    "pdf without a title": (pdf(b"/Author (Ann)"), {"pages": "3"}),
    "pdf, a blank title": (pdf(b"/Title (  )"), {"pages": "3"}),
    "pdf without a table": (b"%PDF-1.5\n1 0 obj\n<< /Linearized 1 /L 9 /N 8 >>\nendobj\n" + XMP, {
        "title": "Packed & sent", "pages": "8",
    }),
    "pdf, tables in a circle": (pdf(b"/Title (Round)", trailer=b"/Prev 0 /Prev 9 "), {"title": "Round", "pages": "3"}),
    "pdf, no pages": (pdf(b"/Title (None)", 0), {"title": "None"}),
    "pdf, cut off": (pdf(b"/Title (A letter)")[:-60], {}),
    "docx": (office(docProps_core=core("Über &amp; &lt;us&gt;"), docProps_app=APP), {
        "title": "Über & <us>", "pages": "12",
    }),
    "docx, stored": (office(docProps_core=core("A"), method=zipfile.ZIP_STORED), {"title": "A"}),
    "pptx": (office(docProps_app="<Slides>7</Slides>"), {"pages": "7"}),
    "xlsx": (office(docProps_core=core("Numbers")), {"title": "Numbers"}),
    "odt": (office(meta=ODF), {"title": "Zahlen", "pages": "4"}),
    "an empty title": (office(docProps_core=core("")), {}),
    "another zip": (office(other="<dc:title>no</dc:title>"), {}),
    "entities are not expanded": (office(docProps_core=BOMB), {"title": "&b;"}),
    "a part of 100 MB": (office(docProps_core=" " * 100_000_000 + core("far behind")), {}),
}  # fmt: skip


def many_times(text: str, entries: int) -> bytes:
    """Return a zip whose directory names one entry many times."""
    content = office(docProps_core=text)
    at, name = content.rindex(b"PK\1\2"), b"docProps/core.xml"
    entry = content[at : content.rindex(name) + len(name)]
    directory = entry * entries
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, entries, entries, len(directory), at, 0)
    return content[:at] + directory + end


def test_an_entry_that_is_named_a_thousand_times_is_unpacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked, decompressobj = list[int](), zlib.decompressobj

    def counted(bits: int) -> object:
        unpacked.append(bits)
        return decompressobj(bits)

    monkeypatch.setattr("fileorg.content.documents.zlib.decompressobj", counted)
    read_document(BytesContent(many_times(" " * 60_000 + core("far behind"), 1000)), MediaFacts())
    assert len(unpacked) == 1


@pytest.mark.parametrize("name", TRUTHS)
def test_title_and_pages(name: str) -> None:
    content, said = TRUTHS[name]
    found, facts = BytesContent(content), MediaFacts()
    assert is_document(found.head)
    read_document(found, facts)
    assert facts.texts == said


def test_damage_costs_little() -> None:
    rng, slowest = random.Random(3), 0.0
    seeds = [content for content, _ in TRUTHS.values() if len(content) < 5000]
    for _ in range(3_000):
        content = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 2, 8))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        if rng.random() < 0.3:
            content = content[: rng.randrange(len(content))] + rng.choice(seeds)
        begun = time.process_time()
        read_document(BytesContent(bytes(content)), MediaFacts())
        slowest = max(slowest, time.process_time() - begun)
    assert slowest < 1  # a hundredth of it in practice: a loop without end is what this finds


def test_rules_by_title_and_pages(runs: Runs, tree: Tree) -> None:
    files = {
        "a.pdf": pdf(b"/Title (Contract)"), "b.pdf": pdf(b"/Author (Ann)", 1), "c.docx": office(docProps_app=APP),
        "scan": pdf(b"/Title (Of a scan)"), "d.pdf": b"%PDF-1.7 cut off",
    }  # fmt: skip
    for name, content in files.items():
        tree.path(name).write_bytes(content)
    before = tree.snapshot()
    runs.organize(configuration=configured("""
        [[rule]]
        name = "single pages"
        when = { meta = { pages = "1" } }
        to = "Single"
        [[rule]]
        name = "titled"
        to = "{meta.title}"
        [[rule]]
        name = "the rest"
        to = "Rest/{meta.pages|category}"
    """))  # fmt: skip
    assert set(tree.read()) == {
        "Contract/a.pdf", "Single/b.pdf", "Rest/12/c.docx", "Of a scan/scan", "Rest/Documents/d.pdf",
    }  # fmt: skip
    runs.undo()
    assert tree.snapshot() == before
