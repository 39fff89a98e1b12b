"""Categories by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileorg.core.errors import UsageError
from fileorg.rules import classify
from fileorg.rules.classify import Evidence, Rules
from fileorg.rules.extensions import CATEGORIES

NAMES = st.binary(min_size=1, max_size=255).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_"))


@pytest.fixture
def rules() -> Rules:
    return Rules()


@pytest.mark.parametrize(
    ("name", "category"),
    [
        (b"photo.JPG", "Images"),
        (b"photo.heic", "Images"),
        (b"shot.CR3", "Images"),
        (b"a.mkv", "Video"),
        (b"song.opus", "Audio"),
        (b"letter.docx", "Documents"),
        (b"bank.csv", "Spreadsheets"),
        (b"novel.epub", "Ebooks"),
        (b"novel.fb2.zip", "Ebooks"),
        (b"a.zip", "Archives"),
        (b"a.tar.gz", "Archives"),
        (b"a.gz", "Archives"),
        (b"rows.csv.gz", "Data"),
        (b"brain.nii.gz", "Data"),
        (b"linux.pkg.tar.zst", "Installers"),
        (b"App.dmg", "Installers"),
        (b"debian.iso", "Disk images"),
        (b"pi.img.xz", "Disk images"),
        (b"types.d.ts", "Code"),
        (b"script.user.js", "Code"),
        (b"model.parquet", "Data"),
        (b"font.woff2", "Fonts"),
        (b"logo.psd", "Design"),
        (b"id.pem", "Other"),
        (b"README", "Other"),
        (b".bashrc", "Other"),
        (b".jpg", "Other"),
        (b"Dr. jpg", "Other"),
        (b"a.\xff\xfe", "Other"),
    ],
)
def test_the_category_of_a_name(rules: Rules, name: bytes, category: str) -> None:
    assert rules.category_of(name) == category
    assert rules.category_of(name) == category  # from the cache


KINDS = {
    "Documents": "chm webarchive xfdf xdp odf sdw stw djv djvu pkpass asice edoc nbib hlp fdf bdoc",
    "Spreadsheets": "wb1 wb2 wb3 wq1 wq2 wks xlr sdc stc xlam",
    "Presentations": "sti sdd ppam",
    "Data": "pst ost jsonc igc duckdb vcs apkg ged pgn gml xliff",
    "Images": "pict pct dpx jls pcd miff ras wpg jng fpx",
    "Audio": "qcp w64 f4a f4b dss ram ds2 oma 3ga",
    "Video": "mj2 ttml dav sup dfxp mk3d 3gpp bk2",
    "Design": "vssx vsdm vstm vssm vss vst thmx psp pspimage xmind atn pat sxd wrl x3d",
    "Code": "sty cls bst cts dtx qml vala wasm",
    "Installers": "war ear ipk",
    "Disk images": "daa cdi bwt",
    "Other": "sav pdb dll bin torrent kdbx url desktop",
}
PERSONAL = "ics ifb vcs vcf vcard ldif ofx ofc qif qfx qbo qbw gnucash kmy mt940"
"""Extensions of calendars, contacts and money: all are in Data."""


@pytest.mark.parametrize(
    ("extension", "category"),
    [(extension, category) for category, text in KINDS.items() for extension in text.split()]
    + [(extension, "Data") for extension in PERSONAL.split()],
)
def test_the_category_of_an_extension(rules: Rules, extension: str, category: str) -> None:
    assert rules.category_of(b"a." + extension.encode()) == category
    assert rules.category_of(b"A b." + extension.upper().encode()) == category


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        (b"A.TAR.GZ", b"tar.gz"),
        (b".bashrc", b""),
        (b"archive.", b""),
        (b"photo.JPG", b"jpg"),
        (b"notes.a b", b""),
        (b"report.2023", b"2023"),
    ],
)
def test_the_extension_of_a_name(rules: Rules, name: bytes, extension: bytes) -> None:
    assert rules.extension_of(name) == extension


def test_the_evidence_says_which_rule_decided(rules: Rules) -> None:
    assert rules.evidence(b"A.TAR.GZ") == Evidence("Archives", b"tar.gz", "extension .tar.gz")
    assert rules.evidence(b"README") == Evidence("Other", b"", "no extension")
    assert rules.evidence(b"a.foo") == Evidence("Other", b"foo", "unknown extension .foo")
    assert rules.evidence(b"a.\x1b[2J\xff").rule == "unknown extension .\\x1b[2j\\xff"


@given(st.lists(st.one_of(NAMES, NAMES.map(lambda stem: stem + b".jpg"), st.sampled_from([b"a.gz", b"a.csv.gz"]))))
def test_the_memo_never_changes_an_answer(names: list[bytes]) -> None:
    rules = Rules()
    for name in names:
        assert rules.category_of(name) in {Rules.default().evidence(name).category, None}


def test_a_tree_of_random_suffixes_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify, "_MEMO_ENTRIES", 8)
    rules = Rules()
    for number in range(100):
        assert rules.category_of(b"a.%d" % number) == (None if number == 123 else "Other")
        assert rules.category_of(b"a.jpg") == "Images"
    assert len(rules._memo) <= 8


@pytest.mark.parametrize("name", [b"a.ts", b"a.key", b"a.c", b"No.123", b"a.R00", b"a.Z", b"a.001"])
def test_a_name_alone_does_not_tell_what_is_in_doubt(rules: Rules, name: bytes) -> None:
    assert rules.category_of(b"types.d" + name[1:]) == rules.category_of(b"types.d" + name[1:])
    assert rules.category_of(b"a.tar.Z") == "Archives"
    assert rules.category_of(name) is None
    assert rules.by_suffix(name[name.rfind(b".") :]) is None


def test_the_default_rules_are_built_once() -> None:
    assert Rules.default() is Rules.default()
    assert Rules.default().categories == tuple(CATEGORIES)


def test_other_rules_give_other_categories_and_another_fingerprint() -> None:
    before = Rules({"Photos": [b"jpg"]})
    after = Rules({"Photos": [b"jpg", b"big.jpg"], "Big": [b"big"]})
    assert before.categories == ("Photos", "Other")
    assert (before.category_of(b"a.jpg"), before.category_of(b"a.big")) == ("Photos", "Other")
    assert (after.category_of(b"a.big.jpg"), after.category_of(b"a.big")) == ("Photos", "Big")
    assert before.fingerprint == Rules({"Photos": [b"jpg"]}).fingerprint != after.fingerprint
    assert len(before.fingerprint) == 16


def test_an_extension_in_two_categories_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\.jpg is in both Photos and Scans"):
        Rules({"Photos": [b"jpg"], "Scans": [b"jpg"]})
