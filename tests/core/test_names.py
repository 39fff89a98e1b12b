"""Names are displayed as one printable line, whatever their bytes."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileorg.core.names import are_names, display, is_name, join, split


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"holiday.jpg", "holiday.jpg"),
        ("Füße im Sand.jpg".encode(), "Füße im Sand.jpg"),
        (b"two\nlines", "two\\nlines"),
        (b"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        (b"latin-1 \xe9", "latin-1 \\xe9"),
        ("gpj\u202e.exe".encode(), "gpj\\u202e.exe"),
        (b"[red]markup[/red]", "[red]markup[/red]"),
        ("C1 \x9b".encode(), "C1 \\x9b"),
        ("line\u2028separator".encode(), "line\\u2028separator"),
    ],
)
def test_what_could_steer_a_terminal_is_escaped(name: bytes, shown: str) -> None:
    assert display(name) == shown


@given(st.binary(max_size=60))
def test_what_is_shown_is_one_printable_line(name: bytes) -> None:
    shown = display(name)
    assert "\n" not in shown
    assert "\x1b" not in shown
    shown.encode()  # fails for a surrogate


@given(st.text(max_size=40))
def test_text_is_shown_like_its_bytes(text: str) -> None:
    try:
        name = os.fsencode(text)
    except UnicodeEncodeError:
        return
    assert display(text) == display(name)


@pytest.mark.parametrize(
    ("folder", "name", "path"), [(b"", b"a", b"a"), (b"b", b"a", b"b/a"), (b"c/b", b"a", b"c/b/a")]
)
def test_a_path_is_joined_and_split(folder: bytes, name: bytes, path: bytes) -> None:
    assert join(folder, name) == path
    assert split(path) == (folder, name)


@given(st.lists(st.binary(max_size=4) | st.sampled_from([b".", b"..", b"a/b", b"a\0b", b"/"]), max_size=5))
def test_many_names_are_checked_as_one_by_one(names: list[bytes]) -> None:
    assert are_names(names) == all(is_name(name) for name in names)
