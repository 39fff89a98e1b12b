"""Which file a side-car follows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileorg.rules.sidecars import Following, following, leads, stem_end

NAMES = st.binary(min_size=1, max_size=255).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_"))


def leaders(name: bytes, *others: bytes) -> list[bytes]:
    follows = following(name)
    return [] if follows is None else [other for other in others if leads(other, follows)]


@pytest.mark.parametrize(
    ("sidecar", "leader", "stranger"),
    [
        (b"a.xmp", b"a.CR2", b"ab.CR2"),
        (b"a.XMP", b"a.jpg", b"a.txt"),
        (b"a.jpg.xmp", b"a.jpg", b"b.jpg"),
        (b"IMG_1.AAE", b"IMG_1.HEIC", b"IMG_2.HEIC"),
        (b"clip.thm", b"clip.MP4", b"clip.txt"),
        (b"movie.srt", b"movie.mkv", b"movie.txt"),
        (b"movie.en.srt", b"movie.mkv", b"other.mkv"),
        (b"movie.pt-BR.forced.srt", b"movie.mp4", b"forced.mp4"),
        (b"movie.idx", b"movie.avi", b"movie.sub"),
        (b"song.lrc", b"song.mp3", b"song.mp4"),
        (b"IMG_1.MOV", b"IMG_1.HEIC", b"IMG_1.png"),
        (b"IMG_1.mov", b"IMG_1.JPEG", b"IMG_1.mov"),
        (b"x.part2.rar", b"x.part1.rar", b"x.part2.rar"),
        (b"x.part10.rar", b"x.part01.rar", b"x.part11.rar"),
        (b"x.part02.rar", b"x.part1.rar", b"y.part1.rar"),
        (b"X.PART003.RAR", b"X.PART001.RAR", b"X.PART002.RAR"),
        (b"x.r00", b"x.rar", b"x.zip"),
        (b"x.z01", b"x.zip", b"x.rar"),
        (b"x.7z.002", b"x.7z.001", b"x.7z.003"),
    ],
)
def test_a_sidecar_follows_its_file(sidecar: bytes, leader: bytes, stranger: bytes) -> None:
    assert leaders(sidecar, leader, stranger) == [leader]


@pytest.mark.parametrize(
    "name",
    [
        *(b"a.jpg", b"a.mkv", b"README", b"mov", b".xmp", b"x.rar", b"x.part1.rar", b"x.part01.rar"),
        *(b"x.7z.001", b"x.zip", b"x.z00", b"x.", b"x.1", b"\xff.\xff"),
    ],
)
def test_others_follow_nothing(name: bytes) -> None:
    assert following(name) is None


def follow(name: bytes) -> Following:
    follows = following(name)
    assert follows is not None
    return follows


def test_only_language_tags_are_dropped_from_a_subtitle() -> None:
    assert follow(b"Film.2019.srt").stems == (b"Film.2019",)
    assert follow(b"Film.en.srt").stems == (b"Film.en", b"Film")
    assert follow(b".en.srt").stems == (b".en",)
    assert follow(b"a.b.en.hi.sdh.srt").stems == (b"a.b.en.hi.sdh", b"a.b.en.hi", b"a.b.en")


@given(NAMES, st.sampled_from([b"srt", b"xmp", b"r00", b"part2.rar", b"002", b"z07", b"lrc", b"mov"]))
def test_a_chain_of_sidecars_ends(stem: bytes, extension: bytes) -> None:
    """Whoever leads is no side-car of those it leads: nothing goes round in circles."""
    sidecar = stem + b"." + extension
    follows = follow(sidecar)
    assert not leads(sidecar, follows)
    for leader in (each + b"." + suffix for each in follows.stems for suffix in follows.extensions):
        assert leads(leader, follows)
        back = following(leader)
        assert back is None or not leads(sidecar, back)


@given(NAMES)
def test_any_name_is_understood(name: bytes) -> None:
    follows = following(name)
    assert follows is None or not leads(name, follows)


@pytest.mark.parametrize(
    ("leader", "shared"),
    [
        (b"film.mkv", b"film"),
        (b"IMG_1.HEIC", b"IMG_1"),
        (b"a.tar.gz", b"a"),
        (b"x.part1.rar", b"x"),
        (b"X.PART01.RAR", b"X"),
        (b"x.7z.001", b"x.7z"),
        (b".part1.rar", b".part1"),
        (b"README", b"README"),
    ],
)
def test_what_a_leader_shares_with_its_sidecars(leader: bytes, shared: bytes) -> None:
    assert leader[: stem_end(leader)] == shared
