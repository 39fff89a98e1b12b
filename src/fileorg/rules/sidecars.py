"""Files that are nothing without another: subtitles, edits, the film of a Live Photo, parts of an archive."""

from __future__ import annotations

import re
from typing import NamedTuple

from fileorg.rules.categories import CATEGORIES, extension_start

_SUBTITLES = frozenset({b"srt", b"vtt", b"sub", b"idx", b"ass", b"ssa"})
_PICTURES = frozenset(CATEGORIES["Images"]) - {b"xmp", b"aae", b"thm"}
_FILMS = frozenset(CATEGORIES["Video"]) - _SUBTITLES - {b"sbv", b"smi", b"webvtt"}
_SOUNDS = frozenset(CATEGORIES["Audio"]) - {b"lrc", b"cue", b"m3u", b"m3u8", b"pls", b"xspf"}

_LED_BY: dict[bytes, frozenset[bytes]] = {
    b"xmp": _PICTURES | _FILMS | {b"psd", b"pdf", b"ai", b"indd", b"mp3", b"wav"},
    b"aae": frozenset({b"heic", b"heif", b"jpg", b"jpeg", b"png", b"dng", b"mov", b"mp4"}),
    b"thm": _FILMS | {b"crw", b"cr2", b"dng", b"jpg"},
    **dict.fromkeys(_SUBTITLES, _FILMS),
    b"lrc": _SOUNDS,
    b"mov": frozenset({b"heic", b"jpg", b"jpeg"}),
}

_RAR = frozenset({b"rar"})
_ZIP = frozenset({b"zip"})
_FIRST = frozenset({b"001"})

# Extensions of files that may be followed.
LEADING = frozenset().union(*_LED_BY.values()) | _RAR | _ZIP | _FIRST

# Everything that may follow, by its last suffix: one look-up says no for all other files.
_TAILS = (
    frozenset(_LED_BY)
    | _RAR
    | {b"r%02d" % part for part in range(100)}
    | {b"z%02d" % part for part in range(1, 100)}
    | {b"%03d" % part for part in range(2, 1000)}
)

# Compiled when a name first asks for them: most trees hold none.
_PART = rb"(?is)(.*\.part)(\d{1,5})"
_PART_OF_RAR = rb"(?is)(.+)\.part\d{1,5}\.rar"
# `en`, `pt-BR`, `zh-Hans`, `forced`, `sdh`: a year or an episode is part of the title, not a tag.
_TAG = rb"[A-Za-z]{2,8}(?:[-_][A-Za-z]{2,8})?"


class Following(NamedTuple):
    """Which files of the same folder a side-car follows: see `leads`. Nearest stem first."""

    stems: tuple[bytes, ...]
    extensions: frozenset[bytes]


def following(name: bytes) -> Following | None:
    """What `name` follows, None when it stands alone: one look-up for nearly all files.

    A leader may follow another file itself (`IMG_1.AAE`, `IMG_1.MOV`, `IMG_1.HEIC`); such chains end.
    """
    return _following(name) if may_follow(name[name.rfind(b".") :]) else None


def may_follow(suffix: bytes) -> bool:
    """Whether there are side-cars whose name ends in `suffix`, from its last dot on."""
    return suffix.removeprefix(b".").lower() in _TAILS


def _following(name: bytes) -> Following | None:
    stem, _, tail = name.rpartition(b".")
    tail = tail.lower()
    if not stem:
        return None
    if tail in _LED_BY:
        stems = _without_tags(stem) if tail in _SUBTITLES else (stem,)
        return Following(stems, _LED_BY[tail])
    if tail == b"rar":
        return _part_of_rar(stem)
    if tail.isdigit():
        return Following((stem,), _FIRST)
    return Following((stem,), _RAR if tail.startswith(b"r") else _ZIP)


def _without_tags(stem: bytes) -> tuple[bytes, ...]:
    """`film.en.forced`, `film.en`, `film`: at most two tags are dropped."""
    stems = [stem]
    for _ in range(2):
        rest, _, tag = stems[-1].rpartition(b".")
        if not rest or not re.fullmatch(_TAG, tag):
            break
        stems.append(rest)
    return tuple(stems)


def _part_of_rar(stem: bytes) -> Following | None:
    match = re.fullmatch(_PART, stem)
    if match is None or int(match[2]) <= 1:
        return None
    # Same padding first; a set of ten parts may be padded otherwise than its tenth.
    widths = dict.fromkeys((len(match[2]), 1, 2, 3, 4, 5))
    return Following(tuple(match[1] + b"1".zfill(width) for width in widths), _RAR)


def stem_end(name: bytes) -> int:
    """Where the part of a leader's name ends that its side-cars share: `film` of `film.mkv`, `x` of `x.part1.rar`."""
    part = re.fullmatch(_PART_OF_RAR, name)
    return part.end(1) if part else extension_start(name)


def leads(name: bytes, following: Following) -> bool:
    """Whether a file `name` of the same folder is the one that is followed.

    It is exactly one of the stems, or a stem, a dot and one of the extensions in any case.
    """
    if name in following.stems:
        return True
    stem, _, extension = name.rpartition(b".")
    return stem in following.stems and extension.lower() in following.extensions
