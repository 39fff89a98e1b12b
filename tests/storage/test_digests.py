"""The two digests of a content: the plain one, and the one that counts blocks of zeros, holes or written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fileorg.storage.local.digests import Counted, Marked, Plain, digest_of, has_digest

if TYPE_CHECKING:
    from pathlib import Path

KIB, MIB, TIB = 1 << 10, 1 << 20, 1 << 40


def sparse(path: Path, size: int, data: dict[int, bytes]) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
        for offset, part in data.items():
            file.seek(offset)
            file.write(part)
    return path


def counted(path: Path) -> bytes:
    with path.open("rb", 0) as file:
        size = os.fstat(file.fileno()).st_size
        return digest_of(file.fileno(), size, memoryview(bytearray(MIB)), Counted())


OFFSETS = st.integers(0, 700 * KIB)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=OFFSETS,
    parts=st.dictionaries(OFFSETS, st.sampled_from([b"\0", b"x", b"\0" * 70_000, b"x" * 70_000, b"\0x"]), max_size=5),
)
def test_holes_and_written_zeros_are_the_same(tmp_path: Path, size: int, parts: dict[int, bytes]) -> None:
    inside = {offset: part for offset, part in parts.items() if offset + len(part) <= size}
    one = sparse(tmp_path / "one", size, inside)
    (tmp_path / "two").write_bytes(one.read_bytes())
    assert counted(one) == counted(tmp_path / "two")
    if bytes(64 * KIB) not in one.read_bytes():
        assert counted(one) == xxhash.xxh3_128_digest(one.read_bytes())
    for each in (Plain(), Marked()):
        with one.open("rb", 0) as file, (tmp_path / "two").open("rb", 0) as other:
            value = digest_of(file.fileno(), size, memoryview(bytearray(MIB)), each)
            assert has_digest(other.fileno(), value)
            assert not has_digest(other.fileno(), value[:-1] + bytes([value[-1] ^ 1]))


def test_a_content_in_any_pieces_has_one_digest() -> None:
    content = b"x" + bytes(200 * KIB) + b"y" * 70_000 + bytes(130 * KIB)
    values = set()
    for piece in (1000, 64 * KIB, 64 * KIB + 1, MIB):
        digest = Counted()
        for at in range(0, len(content), piece):
            part = content[at : at + piece]
            if any(part):
                digest.feed(memoryview(part))
            else:
                digest.skip(len(part))
        values.add(digest.value())
    assert len(values) == 1


@pytest.mark.parametrize("at", [0, 1, 64 * KIB - 1, 64 * KIB, 5 * MIB + 3, TIB - 1])
def test_one_byte_in_a_terabyte(tmp_path: Path, at: int) -> None:
    empty = counted(sparse(tmp_path / "empty", TIB, {}))
    assert counted(sparse(tmp_path / "one", TIB, {at: b"\1"})) != empty
    assert counted(sparse(tmp_path / "two", TIB, {at: b"\0"})) == empty
    moved = (at + TIB // 2) % TIB
    assert counted(sparse(tmp_path / "three", TIB, {moved: b"\1"})) != counted(tmp_path / "one")


def test_zeros_that_move_make_another_content() -> None:
    values = set()
    for zeros in range(4):
        digest = Counted()
        digest.skip(zeros * 64 * KIB)
        digest.feed(memoryview(b"x" * 64 * KIB))
        digest.skip((3 - zeros) * 64 * KIB)
        values.add(digest.value())
    assert len(values) == 4
