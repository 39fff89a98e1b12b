"""Numbers that make names free, and names that cannot coexist in a folder."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fileorg.core.names import collision_key
from fileorg.rules.extensions import extension_start
from fileorg.rules.template import numbered

NAMES = st.binary(min_size=1, max_size=255).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_"))
TEXT_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).map(str.encode)


@pytest.mark.parametrize(
    ("name", "after"),
    [
        (b"a.jpg", b"a (2).jpg"),
        (b"a (2).jpg", b"a (2) (2).jpg"),
        (b"A.Tar.GZ", b"A (2).Tar.GZ"),
        (b".bashrc", b".bashrc (2)"),
        (b"README", b"README (2)"),
        (b"archive.", b"archive. (2)"),
        (b"\xff.\xfe", b"\xff (2).\xfe"),
        (b"x" * 251 + b".jpg", b"x" * 247 + b" (2).jpg"),
        (b"x" * 247 + b" (2).jpg", b"x" * 246 + b" (2).jpg"),
        ("é".encode() * 125 + b".jpg", "é".encode() * 123 + b" (2).jpg"),
        (b"\xe9" * 251 + b".jpg", b"\xe9" * 247 + b" (2).jpg"),
    ],
)
def test_a_number_goes_before_the_extension(name: bytes, after: bytes) -> None:
    assert numbered(name, 2) == after


def test_an_extension_that_leaves_no_room_is_part_of_the_stem() -> None:
    assert numbered(b"a." + b"x" * 20, 10**9, limit=32) == b"a." + b"x" * 17 + b" (1000000000)"


@given(
    st.one_of(NAMES, TEXT_NAMES, NAMES.map(lambda stem: stem[:240] + b" (2).tar.gz")),
    st.lists(st.integers(min_value=2, max_value=10_000), min_size=2, max_size=2, unique=True),
    st.sampled_from([32, 143, 255]),
)
@example(b"x" * 28 + b" (2)", [2, 3], 32)
def test_numbers_make_short_and_different_names(name: bytes, numbers: list[int], limit: int) -> None:
    name = name[:limit]
    results = [numbered(name, number, limit) for number in numbers]
    assert len({name, *results}) == 3
    for number, result in zip(numbers, results, strict=True):
        assert len(result) <= limit
        extension = name[extension_start(name) :]
        assert result.endswith(b" (%d)" % number + extension)
        assert extension_start(result) == len(result) - len(extension)


@given(TEXT_NAMES, st.integers(min_value=2, max_value=10**6), st.sampled_from([32, 255]))
def test_a_number_never_cuts_a_character(name: bytes, number: int, limit: int) -> None:
    numbered(name, number, limit).decode()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.binary())
def test_names_that_a_disk_takes_for_one_have_one_key(text: str, junk: bytes) -> None:
    forms = {
        unicodedata.normalize("NFC", text),
        unicodedata.normalize("NFD", text),
        unicodedata.normalize("NFC", text).casefold(),
    }
    assert len({collision_key(form.encode() + junk, case_insensitive=True) for form in forms}) == 1


def test_the_key_folds_case_and_keeps_what_is_no_text() -> None:
    def key(name: bytes) -> bytes:
        return collision_key(name, case_insensitive=True)

    assert collision_key(b"A.JPG", case_insensitive=False) == b"A.JPG"
    assert key(b"A.JPG") == key(b"a.jpg") == b"a.jpg"
    assert key(b"STRASSE") == key("straße".encode())
    assert key(b"\xe9A") == b"\xe9a"
    assert key(b"\xe9") != key(b"\xe8")


@pytest.mark.parametrize(
    ("name", "stem", "tail", "result"),
    [
        (b"a.jpg", 1, 0, b"a (2).jpg"),
        (b"film.en.srt", 4, 7, b"film (2).en.srt"),
        (b"x.part1.rar", 1, 0, b"x (2).part1.rar"),
        (b"x" * 251 + b".jpg", 251, 8, b"x" * 243 + b" (2).jpg"),
        (b"x" * 247 + b".jpg.xmp", 247, 8, b"x" * 243 + b" (2).jpg.xmp"),
        (b"x." + b"y" * 253, 1, 254, b"x." + b"y" * 249 + b" (2)"),
    ],
)
def test_a_number_may_be_put_elsewhere(name: bytes, stem: int, tail: int, result: bytes) -> None:
    assert numbered(name, 2, stem=stem, tail=tail) == result


@given(NAMES, st.integers(0, 255), st.integers(0, 255), st.integers(2, 10**6))
def test_a_number_put_anywhere_fits(name: bytes, stem: int, tail: int, n: int) -> None:
    result = numbered(name, n, stem=min(stem, len(name)), tail=tail)
    assert result != name
    assert len(result) <= 255
    assert b" (%d)" % n in result
