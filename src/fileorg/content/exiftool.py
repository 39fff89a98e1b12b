"""What pictures, films and recordings say by exiftool, for a run that asks for it.

One process answers for the files of a task, one file after the other. It gets a file by its open descriptor, so that no
name can mean anything else. Time, output and memory are bounded: a file that goes beyond them ends the process, and
costs the answer about that file alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from shutil import which
from typing import TYPE_CHECKING, Any

from fileorg.content.media import LONGEST_MS, DateSource, FoundDate, camera_name, offset_of_place, printable
from fileorg.core.errors import UsageError
from fileorg.core.pool import end_with_parent, limit_memory
from fileorg.core.tuples import NamedTuple
from fileorg.rules.moments import MediaMoment, parse_moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO, Self

    from fileorg.content.media import MediaFacts

_SECONDS = 10.0
_HANGS = 6
"""After this number of files without an answer in time, the rest of a task goes without."""
_OUTPUT_BYTES = 1 << 20
_MEMORY_BYTES = 1 << 30
_LONGEST_SIDE = 1 << 31
_SAFE = 12, 24
"""Earlier versions run code that a file holds (CVE-2021-22204)."""
_INSTALL = "apt install libimage-exiftool-perl, dnf install perl-Image-ExifTool or brew install exiftool"
_DATES = (
    (DateSource.EXIF, ("Composite:SubSecDateTimeOriginal", "EXIF:DateTimeOriginal")),
    (DateSource.QUICKTIME, ("QuickTime:CreationDate",)),
    (DateSource.XMP, ("XMP:DateTimeOriginal", "XMP:DateCreated", "XMP:CreateDate")),
    (DateSource.IPTC, ("Composite:DateTimeCreated", "IPTC:DateCreated")),
    (DateSource.DIGITIZED, ("Composite:SubSecCreateDate", "EXIF:CreateDate")),
    (DateSource.PNG, ("PNG:CreationTime",)),
    (DateSource.FILM, ("QuickTime:CreateDate",)),
    (DateSource.MATROSKA, ("Matroska:DateTimeOriginal",)),
    (DateSource.GPS, ("Composite:GPSDateTime",)),
)
"""The tags of each source, the first that is there counts."""
_IN_UTC = frozenset({DateSource.FILM, DateSource.MATROSKA, DateSource.GPS})
_OTHER_DATES = re.compile(r"(?!EXIF|XMP|Composite|Matroska)\w+:DateTimeOriginal|ASF:CreationDate")
"""Dates that fileorg has no reader for: of AVI, AVCHD, WMV, and of cameras in a form of their own."""
_STILLS = frozenset({"HEIC", "HEIF", "AVIF", "CR3"})
"""Formats whose header of a film says nothing of the picture."""
_TEXTS = {
    "Artist": "artist", "AlbumArtist": "album_artist", "Band": "album_artist", "Album": "album", "Title": "title",
    "Genre": "genre", "Year": "year",
}  # fmt: skip
_ASKED = "\n".join((
    *("-j", "-G0", "-a", "-fast"),
    *(f"-{tag}" for _, tags in _DATES for tag in tags),
    *("-DateTimeOriginal", "-ASF:CreationDate", "-File:FileType", "-Make", "-Model", "-ImageWidth", "-ImageHeight"),
    *("-Duration#", "-Track", "-TrackNumber"),
    *(f"-{tag}" for tag in _TEXTS),
)).encode()  # fmt: skip
"""The lines of a question that are the same for each file."""


class Exiftool(NamedTuple):
    """The program. Its version stands in the index beside what it said."""

    program: str
    version: str


def find_exiftool() -> Exiftool:
    """Return the program that a run asks for. Raises `UsageError` if it is missing, too old, or does not answer."""
    program = which("exiftool")
    if program is None:
        raise UsageError("--exiftool needs exiftool, which is not installed.", hint=_INSTALL)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        asked = [program, "-config", "", "-ver"]
        said = subprocess.run(asked, capture_output=True, timeout=_SECONDS, check=True).stdout.decode(
            "utf-8", "replace"
        )
        if match := re.fullmatch(r"(?a)(\d{1,4})\.(\d{1,4})\s*", said):
            if (int(match[1]), int(match[2])) < _SAFE:
                raise UsageError(
                    f"exiftool {match[0].strip()} runs code that a picture can hold, so fileorg does not start it.",
                    hint=f"install exiftool {_SAFE[0]}.{_SAFE[1]} or later, or drop --exiftool",
                )
            return Exiftool(program, match[0].strip())
    raise UsageError("exiftool does not say its version.", hint="try exiftool -ver, or drop --exiftool")


class ExiftoolProcess:
    """A process that answers about files; started with the first of them, and again after one that ended it."""

    def __init__(self, program: str, seconds: float = _SECONDS) -> None:
        self._program = program
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._number = self._hangs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def add_to(self, facts: MediaFacts, fd: int, path: bytes) -> bool:
        """Add what exiftool says of an open file: see `add_tags`; nothing if it fails. Return False if it has hung too
        often to be asked.
        """
        if self._hangs >= _HANGS:
            return False
        try:
            add_tags(self._answer(_place(fd, path)), facts)
        except TimeoutError:
            self._hangs += 1
        except (OSError, ValueError, RecursionError):
            pass
        return True

    def _answer(self, place: bytes) -> Mapping[str, Any]:
        """Return the tags of a file. Raises `OSError`, `ValueError`."""
        if self._process is not None and self._process.poll() is not None:
            self._end()  # it was ended from outside: the next one knows nothing of that
        process = self._process = self._process or _start(self._program)
        self._number += 1
        try:
            os.write(_pipe(process.stdin), b"%s\n%s\n-execute%d\n" % (_ASKED, place, self._number))
            found = json.loads(_until(_pipe(process.stdout), b"{ready%d}" % self._number, self._seconds))
        except Exception:
            self._end()
            raise
        if not (isinstance(found, list) and found and isinstance(found[0], dict)):
            raise ValueError("no answer")
        return found[0]

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # also what a wrapper has started
            with process:  # closes its pipes, and waits for it
                pass


def _place(fd: int, path: bytes) -> bytes:
    """Return the place of an open file for another process. Raises `ValueError` for a name that cannot be handed on."""
    if sys.platform == "linux":
        return b"/proc/%d/fd/%d" % (os.getpid(), fd)
    if b"\n" in path or b"\r" in path:
        raise ValueError("the name has a line break")
    return path


def _start(program: str) -> subprocess.Popen[bytes]:
    parent = os.getpid()

    def prepare() -> None:  # exiftool waits for ever if its input ends
        if not end_with_parent(parent):
            os._exit(1)
        limit_memory(_MEMORY_BYTES)

    return subprocess.Popen(
        [program, "-config", "", "-stay_open", "True", "-@", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C"},
        process_group=0,
        preexec_fn=prepare,  # noqa: PLW1509  it calls the kernel alone
    )


def _pipe(stream: IO[bytes] | None) -> int:
    if stream is None:
        raise OSError("no pipe")
    return stream.fileno()


def _until(pipe: int, end: bytes, seconds: float) -> bytes:
    """Return what comes out of a pipe before `end`. Raises `OSError` for too little, too much or too late."""
    found, until = b"", time.monotonic() + seconds
    while not found.rstrip().endswith(end):
        left = until - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TimeoutError
        more = os.read(pipe, 64 << 10)
        if not more or len(found) > _OUTPUT_BYTES:
            raise OSError("no whole answer")
        found += more
    return found.rstrip().removesuffix(end)


def add_tags(tags: Mapping[str, Any], facts: MediaFacts) -> None:
    """Add the tags of exiftool to what a file says: dates in place of those of the same source, the rest where nothing
    is known.
    """
    dates = _dates_of(tags)
    said = {each.source for each in dates}
    facts.dates = [*(each for each in facts.dates if each.source not in said), *dates]
    moments = {each.source: each.moment for each in dates if isinstance(each.moment, MediaMoment)}
    if original := moments.get(DateSource.EXIF, moments.get(DateSource.PNG)):
        offset = offset_of_place(original, moments.get(DateSource.GPS))
        facts.offset = facts.offset if offset is None else offset
    by_name = {tag.rpartition(":")[2]: value for tag, value in reversed([*tags.items()])}
    facts.camera = facts.camera or camera_name(_text(by_name.get("Make")), _text(by_name.get("Model")))
    width, height = by_name.get("ImageWidth"), by_name.get("ImageHeight")
    if not facts.width and isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
        facts.width, facts.height = min(width, _LONGEST_SIDE), min(height, _LONGEST_SIDE)
    seconds = by_name.get("Duration")
    if not facts.duration_ms and isinstance(seconds, int | float) and 0 < seconds * 1000 < LONGEST_MS:
        facts.duration_ms = round(seconds * 1000)
    for tag, name in _TEXTS.items():
        text = _text(by_name.get(tag))
        if name == "year" and (match := re.search(r"(?a)\d{4}", text)):
            text = match[0]
        if text:
            facts.texts.setdefault(name, text)
    if track := re.match(r"(?a)0*([1-9]\d{0,3})(?!\d)", _text(by_name.get("Track", by_name.get("TrackNumber")))):
        facts.texts.setdefault("track", f"{int(track[1]):02}")


def _text(value: object) -> str:
    """Return the first text of a tag; empty if it has none, or says so."""
    first = value[0] if isinstance(value, list) and value else value
    return "" if first is None or first == "None" else printable(str(first))


def _dates_of(tags: Mapping[str, Any]) -> list[FoundDate]:
    kind = tags.get("File:FileType")
    dates = []
    for source, names in _DATES:
        text = next((str(tags[name]) for name in names if name in tags), None)
        if text is None or (source is DateSource.FILM and kind in _STILLS):
            continue
        counts_as = DateSource.PNG if kind == "PNG" and source is DateSource.EXIF else source
        dates.append(_found(counts_as, text, is_utc=source in _IN_UTC))
    others = (str(value) for tag, value in tags.items() if _OTHER_DATES.fullmatch(tag))
    if text := next(others, ""):
        dates.append(_found(DateSource.EXIFTOOL, text, is_utc=text.endswith("Z")))
    return dates


def _found(source: DateSource, text: str, *, is_utc: bool) -> FoundDate:
    moment = parse_moment(text)
    if is_utc and isinstance(moment, MediaMoment):
        moment = MediaMoment(moment.wall, moment.is_day, is_utc=True)
    return FoundDate(source, moment, printable(text))
