"""The default categories, and the position of extensions."""

from __future__ import annotations

import tomllib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.category_table import MODULE, SOURCE, listed, module

from fileorg.rules.category_changes import extension_fault, name_fault
from fileorg.rules.extensions import CATEGORIES, COMPOUND, MAX_EXTENSION_BYTES, OTHER, extension_start

NAMES = st.binary(min_size=1, max_size=255).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_"))


def test_the_categories_are_those_of_the_design_in_its_order() -> None:
    assert list(CATEGORIES) == [
        *("Images", "Video", "Audio", "Documents", "Spreadsheets", "Presentations", "Ebooks", "Archives"),
        *("Installers", "Disk images", "Code", "Data", "Fonts", "Design", "Other"),
    ]


def test_an_extension_is_in_one_category_and_once() -> None:
    counts = Counter(extension for extensions in CATEGORIES.values() for extension in extensions)
    assert [extension for extension, count in counts.items() if count > 1] == []
    assert len(counts) > 800


def test_extensions_are_lower_case_short_and_without_a_dot_at_either_end() -> None:
    for extensions in CATEGORIES.values():
        for extension in extensions:
            assert extension == extension.lower().strip(b". ")
            assert len(extension.rpartition(b".")[2]) <= MAX_EXTENSION_BYTES
            assert extension.count(b".") <= 2


def test_the_table_is_the_one_of_its_source() -> None:
    text = MODULE.read_text(encoding="utf-8")
    assert module(text) == text
    assert {name: tuple(extensions) for name, extensions in listed().items()} | {OTHER: ()} == dict(CATEGORIES)


def test_the_source_has_the_form_of_a_configuration() -> None:
    tables = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    assert tables.keys() == {"version", "categories"}
    assert all(table.keys() == {"extensions"} for table in tables["categories"].values())
    assert not any(map(name_fault, tables["categories"]))
    assert not any(extension_fault(each) for extensions in CATEGORIES.values() for each in extensions)


def test_a_folder_can_have_the_name_of_each_category() -> None:
    for category in CATEGORIES:
        assert "/" not in category
        assert not category.startswith(".")


def test_what_is_dangerous_to_move_is_in_no_category() -> None:
    known = {extension for extensions in CATEGORIES.values() for extension in extensions}
    assert known.isdisjoint({b"pem", b"crt", b"ppk", b"torrent", b"dll", b"sys", b"bin", b"sav"})
    assert CATEGORIES[OTHER] == ()


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        (b"photo.JPG", b"photo"),
        (b"a.tar.gz", b"a"),
        (b"A.TAR.GZ", b"A"),
        (b"linux-6.1.pkg.tar.zst", b"linux-6.1"),
        (b"v1.2.tar.gz", b"v1.2"),
        (b"a.b.gz", b"a.b"),
        (b".tar.gz", b".tar"),
        (b".bashrc", b".bashrc"),
        (b"archive.", b"archive."),
        (b"README", b"README"),
        (b"Dr. Who", b"Dr. Who"),
        (b"line.br\neak", b"line.br\neak"),
        (b"a." + b"x" * 20, b"a"),
        (b"a." + b"x" * 21, b"a." + b"x" * 21),
        (b"..", b".."),
        (b"\xff.\xfe", b"\xff"),
    ],
)
def test_where_an_extension_starts(name: bytes, stem: bytes) -> None:
    assert name[: extension_start(name)] == stem


@given(NAMES)
def test_a_stem_is_never_empty_and_nothing_gets_lost(name: bytes) -> None:
    start = extension_start(name)
    assert 1 <= start <= len(name)
    assert start == len(name) or name[start : start + 1] == b"."


@given(NAMES.filter(lambda name: extension_start(name) == len(name)), st.sampled_from(sorted(COMPOUND)))
def test_a_compound_extension_is_one(stem: bytes, extension: bytes) -> None:
    assert extension_start(stem + b"x." + extension) == len(stem) + 1
