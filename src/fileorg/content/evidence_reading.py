"""Reads what files are and say of themselves, in helpers if there is much to read, as texts that the index keeps."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from array import array
from datetime import datetime
from itertools import chain, groupby, islice
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from fileorg.content.documents import is_document, read_document
from fileorg.content.head import OpenContent
from fileorg.content.media import DateSource, FoundDate, MediaFacts, read_media, take_takeout, take_xmp
from fileorg.content.sound import is_sound, read_sound
from fileorg.content.text_model import with_model
from fileorg.content.types import Certainty, FileKind, kind_of
from fileorg.core.pool import Processes, TaskKind, cut
from fileorg.core.times import kept
from fileorg.core.tuples import NamedTuple
from fileorg.index.evidence_columns import UNREAD
from fileorg.rules.moments import DateFault, MediaMoment
from fileorg.storage.local.listing import INODE_MASK
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fileorg.content.exiftool import ExiftoolProcess
    from fileorg.core.pool import Pool
    from fileorg.storage.base import Storage

DATED_SIDECARS = b".xmp", b".json"
NOT_ASKED = b"?"
"""Precedes what a file says if exiftool was not asked: see `ExiftoolProcess.add_to`."""
_FEW_FILES = 256
"""Up to this number this process is as fast as helpers that must be started first."""
_SIDECAR_BYTES = 256 << 10
_SEPARATOR = b"\x1f"


# One file as a text of the index ------------------------------------------------------------------------------------


def kind_text(kind: FileKind) -> bytes:
    """Return a kind as the index keeps it."""
    parts = (b"%d" % kind.certainty, kind.format, kind.mime.encode(), kind.family.encode(), kind.inner)
    return _SEPARATOR.join(parts).replace(b"\0", b"")


def kind_from(text: bytes) -> FileKind | None:
    """Return a kind that the index has; None for a file that could not be read."""
    parts = text.split(_SEPARATOR)
    if len(parts) != 5:
        return None
    certainty, name, mime, family, inner = parts
    try:
        return FileKind(Certainty(int(certainty)), name, mime.decode(), family.decode(), inner)
    except (ValueError, UnicodeDecodeError):
        return None


def media_text(facts: MediaFacts) -> bytes:
    """Return what a picture or film says as the index keeps it."""
    dates = [
        [each.source.value, each.moment.value, each.text]
        if isinstance(each.moment, DateFault)
        else [
            each.source.value, each.moment.wall.isoformat(), each.text, each.moment.is_day, each.moment.offset,
            each.moment.is_utc,
        ]
        for each in facts.dates
    ]  # fmt: skip
    sizes = [facts.width, facts.height, facts.duration_ms]
    rest = facts.offset, facts.format_year, facts.texts
    return json.dumps([dates, facts.camera, *sizes, *rest], separators=(",", ":")).encode()


def media_from(text: bytes) -> MediaFacts | None:
    """Return what the index has of a picture or film; None for a file that could not be read."""
    facts, text = MediaFacts(), text[text.find(b"[") :]  # what precedes it stands for reader and sidecars
    try:
        dates, facts.camera, facts.width, facts.height, facts.duration_ms, *rest = json.loads(text)
        facts.offset, facts.format_year, facts.texts = rest
        for source, moment, shown, *rest in dates:
            found = MediaMoment(datetime.fromisoformat(moment), *rest) if rest else DateFault(moment)
            facts.dates.append(FoundDate(DateSource(source), found, shown))
    except (ValueError, TypeError):
        return None
    return facts


# Reading in helpers -------------------------------------------------------------------------------------------------


class EvidenceRequest(NamedTuple):
    """Files to read of one batch of the index: its columns, and positions in it. `beside` has the names of the sidecars
    with a date, by position, and `exiftool` is the program to ask, too; empty for none.
    """

    batch: int
    root: bytes
    folder: bytes
    files: int
    names: bytes
    numbers: bytes
    kinds: bytes
    media: bytes
    beside: dict[int, list[bytes]]
    exiftool: str = ""


class EvidenceAnswer(NamedTuple):
    """The texts for the index, by position."""

    batch: int
    kinds: dict[int, bytes]
    media: dict[int, bytes]


def read_evidence(requests: Sequence[EvidenceRequest]) -> list[EvidenceAnswer]:
    """Read the requested files, folder by folder, in the order of inodes. An unreadable file is noted as such."""
    answers = []
    for (root, program), of_root in groupby(requests, key=attrgetter("root", "exiftool")):
        some = list(of_root)
        try:
            with contextlib.closing(LocalStorage(root)) as storage, _asked_too(program) as exiftool:
                answers += [_answer(request, storage, exiftool) for request in some]
        except OSError:
            answers += [_unread(request) for request in some]
    return answers


def _asked_too(program: str) -> contextlib.AbstractContextManager[ExiftoolProcess | None]:
    if not program:
        return contextlib.nullcontext()
    from fileorg.content.exiftool import ExiftoolProcess

    return ExiftoolProcess(program)


def _unread(request: EvidenceRequest) -> EvidenceAnswer:
    kinds, media = array("H", request.kinds), array("H", request.media)
    return EvidenceAnswer(request.batch, dict.fromkeys(kinds, UNREAD), dict.fromkeys(media, UNREAD))


def _answer(request: EvidenceRequest, storage: LocalStorage, exiftool: ExiftoolProcess | None) -> EvidenceAnswer:
    files, names = request.files, request.names.split(b"\0")
    numbers = memoryview(request.numbers).cast("q")
    sizes, ctimes, inodes = numbers[:files], numbers[2 * files : 3 * files], numbers[3 * files : 4 * files]
    for_kind, for_media = set(array("H", request.kinds)), set(array("H", request.media))
    answer = EvidenceAnswer(request.batch, {}, {})
    try:
        open_ = storage.opener(request.folder, names)
    except OSError:
        return _unread(request)
    for position in sorted(for_kind | for_media, key=inodes.__getitem__):
        kind, media = UNREAD, UNREAD
        # A file may be made to make a reader fail in any way: this costs that file alone.
        with contextlib.suppress(Exception):
            fd = open_(names[position])
            try:
                if stat.S_ISREG(os.fstat(fd).st_mode):
                    content = OpenContent(fd, sizes[position])
                    found = kind_text(with_model(kind_of(content), content.head)) if position in for_kind else b""
                    said, was_asked = b"", True
                    if position in for_media:
                        facts = read_media(content)
                        if is_sound(content.head):
                            read_sound(content, facts)
                        if is_document(content.head):
                            read_document(content, facts)
                        elif exiftool is not None:
                            path = os.path.join(request.root, request.folder, names[position])
                            was_asked = exiftool.add_to(facts, fd, path)
                        _read_beside(storage, request.folder, request.beside.get(position, ()), facts)
                        said = media_text(facts) if was_asked else NOT_ASKED + media_text(facts)
                    seen = os.fstat(fd)
                    if (
                        ctimes[position] in {seen.st_ctime_ns, kept(seen.st_ctime_ns)}
                        and seen.st_size == sizes[position]
                        and seen.st_ino & INODE_MASK == inodes[position]
                    ):
                        kind, media = found, said
            finally:
                os.close(fd)
        if position in for_kind:
            answer.kinds[position] = kind
        if position in for_media:
            answer.media[position] = media
    return answer


def _read_beside(storage: Storage, folder: bytes, names: Iterable[bytes], facts: MediaFacts) -> None:
    """Add the dates of sidecars. If there is none, nor one inside, add those of the other pictures and films."""
    others = list[bytes]()
    for name in names:
        if not name.lower().endswith(DATED_SIDECARS):
            others.append(name)
            continue
        with contextlib.suppress(OSError), storage.open_read(folder, name) as file:
            content = file.read(_SIDECAR_BYTES)
            if name.lower().endswith(b".json"):
                take_takeout(content, facts)
            else:
                take_xmp(content, DateSource.SIDECAR, facts)
    for name in sorted(others):
        if any(isinstance(each.moment, MediaMoment) for each in facts.dates):
            return
        with contextlib.suppress(OSError), storage.open_read(folder, name) as file:
            of_other = read_media(OpenContent(file.fileno(), os.fstat(file.fileno()).st_size))
            facts.dates += of_other.dates
            facts.camera, facts.offset = facts.camera or of_other.camera, of_other.offset


def _split(requests: list[EvidenceRequest], parts: int) -> list[list[EvidenceRequest]]:
    """Return the requests in at most this number of tasks, of about as many files each."""
    files = [
        (number, position)
        for number, each in enumerate(requests)
        for position in sorted({*array("H", each.kinds), *array("H", each.media)})
    ]
    return [
        [
            _only(requests[number], {position for _, position in of_batch})
            for number, of_batch in groupby(some, itemgetter(0))
        ]
        for some in cut(files, parts)
    ]


def _only(request: EvidenceRequest, positions: set[int]) -> EvidenceRequest:
    kinds = array("H", [each for each in array("H", request.kinds) if each in positions])
    media = array("H", [each for each in array("H", request.media) if each in positions])
    return request._replace(kinds=kinds.tobytes(), media=media.tobytes())


def _set_aside(requests: list[EvidenceRequest]) -> list[EvidenceAnswer]:
    return list(map(_unread, requests))


READ_EVIDENCE: TaskKind[list[EvidenceRequest], list[EvidenceAnswer]] = TaskKind(read_evidence, _split, _set_aside)


def read_all(
    tasks: Iterator[list[EvidenceRequest]], take: Callable[[list[EvidenceAnswer]], None], pool: Pool | None = None
) -> None:
    """Read in this process if there is little to read, else in helpers: those of `pool` if they run already."""
    early = list(islice(tasks, 2))
    if not early:
        return
    if len(early) == 1 and sum(len(each.kinds) + len(each.media) for each in early[0]) // 2 <= _FEW_FILES:
        take(read_evidence(early[0]))
        return
    rest = chain(early, tasks)
    with contextlib.ExitStack() as stack:
        helpers = pool if pool is not None and pool.is_started else stack.enter_context(Processes())
        for answers in helpers.work(READ_EVIDENCE, lambda: next(rest, None)):
            take(answers)
