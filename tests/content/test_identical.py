"""The comparison of two contents finds a difference anywhere, and does not read holes."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

import pytest

from fileorg.content.identical import same_bytes, same_content
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MIB = 1 << 20


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalStorage]:
    opened = LocalStorage(os.fsencode(tmp_path))
    yield opened
    opened.close()


def same(local: LocalStorage, one: bytes, two: bytes) -> bool:
    return same_content(local, b"", one, local, b"", two)


@pytest.mark.parametrize("size", [0, 1, 4096, _MIB - 1, _MIB, _MIB + 1, 3 * _MIB + 7])
def test_a_difference_anywhere_is_found(local: LocalStorage, tmp_path: Path, size: int) -> None:
    content = bytearray(os.urandom(size))
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(content)
    assert same(local, b"a", b"b")
    for position in {0, size // 2, size - 1} if size else set[int]():
        content[position] ^= 1
        (tmp_path / "b").write_bytes(content)
        assert not same(local, b"a", b"b")
        content[position] ^= 1
    (tmp_path / "b").write_bytes(content + b"\0")
    assert not same(local, b"a", b"b")


@pytest.mark.parametrize("at", [0, 5 * _MIB, 10 * _MIB - 1])
def test_holes_are_zeros(local: LocalStorage, tmp_path: Path, at: int) -> None:
    """A hole equals another hole and written zeros, but not a file with data in its place."""
    for name in "abc":
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, 10 * _MIB)
    assert same(local, b"a", b"b")
    with (tmp_path / "b").open("r+b") as file:
        file.seek(at)
        file.write(b"\0")
    with (tmp_path / "c").open("r+b") as file:
        file.seek(at)
        file.write(b"\1")
    assert same(local, b"a", b"b")
    assert not same(local, b"a", b"c")
    assert not same(local, b"c", b"b")


@pytest.mark.parametrize("size", [0, 10 * _MIB - 1, 10 * _MIB + 1])
def test_what_has_another_size_than_was_said_is_not_the_same(tmp_path: Path, size: int) -> None:
    for name, length in (("a", 10 * _MIB), ("b", size)):
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, length)
    for names in ("ab", "ba"):
        with open(tmp_path / names[0], "rb", 0) as one, open(tmp_path / names[1], "rb", 0) as two:
            assert not same_bytes(one, two, 10 * _MIB)


class Trickle(io.BytesIO):
    """A stream that is no local file and returns a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 1000))


def test_a_stream_is_compared_with_a_file(tmp_path: Path) -> None:
    content = os.urandom(50_000)
    (tmp_path / "a").write_bytes(content)

    def same_as(other: BinaryIO) -> bool:
        with open(tmp_path / "a", "rb", 0) as file:
            return same_bytes(file, other, len(content))

    assert same_as(Trickle(content))
    assert not same_as(Trickle(content[:-1]))
    assert not same_as(Trickle(content + b"\0"))
    assert not same_as(Trickle(content[:-1] + bytes([content[-1] ^ 1])))


def test_what_cannot_be_read_or_is_no_file_is_not_the_same(local: LocalStorage, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("a")
    assert same(local, b"a", b"a")
    for other in (b"folder", b"link", b"missing"):
        assert not same(local, b"a", other)
