"""What files are and when they were taken, by their content: read in helpers, kept in the index, asked by name.

`IndexedEvidence` answers from the index and notes what it is asked about and does not know; `gather` then reads that.
`DirectEvidence` reads each file when it is asked, for commands that look at a few files and keep nothing.
"""

from __future__ import annotations

import os
from array import array
from typing import TYPE_CHECKING

from xxhash import xxh3_64_intdigest

from fileorg.content.decision import Basis, decide
from fileorg.content.evidence_reading import (
    DATED_SIDECARS,
    NOT_ASKED,
    EvidenceRequest,
    kind_from,
    media_from,
    read_all,
)
from fileorg.content.head import OpenContent
from fileorg.content.text_model import IS_INSTALLED, with_model
from fileorg.content.types import Certainty, FileKind, kind_of
from fileorg.core.model import LookInto
from fileorg.core.tuples import NamedTuple
from fileorg.index.evidence_columns import UNREAD
from fileorg.rules.extensions import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fileorg.content.decision import TypeVerdict
    from fileorg.content.evidence_reading import EvidenceAnswer
    from fileorg.content.exiftool import Exiftool
    from fileorg.content.media import MediaFacts
    from fileorg.core.events import Reporter
    from fileorg.core.pool import Pool
    from fileorg.index.evidence_columns import KnownEvidence
    from fileorg.index.index import Index
    from fileorg.rules.classify import Evidence, Rules
    from fileorg.storage.base import Storage

READER = 5 + 1000 * IS_INSTALLED
"""The version of what is read: a new one makes the stored evidence worthless, and so does the model for texts."""

_FILES_A_TASK = 512
_NAMES_A_TASK = 16_384
"""A request has all names of its batch: many batches of which little is asked are several tasks."""
_MEDIA = frozenset(
    b"jpg jpeg jpe jif jfif jfi pjpeg pjp jps mpo insp png apng webp tif tiff dng nef nrw arw srf sr2 srw pef iiq 3fr"
    b" fff mos mef erf kdc dcr cr2 orf ori rw2 rwl gpr raw raf cr3 crw mrw x3f heic heif heics heifs hif avif avci"
    b" avcs mp4 m4v mov qt 3gp 3g2 3gpp 3gpp2 lrv insv braw mkv webm mk3d gif bmp avi mts m2ts mpg mpeg wmv psd".split()
)
"""Extensions of files that have a date inside, or a sidecar or picture beside them with one."""
_BY_EXIFTOOL = frozenset(b"mxf r3d flv f4v divx mod tod vob jp2 jpx jxl".split())
"""Extensions of pictures and films that only exiftool finds a date in."""
_FILMS = frozenset(b"mp4 m4v mov qt 3gp 3g2 3gpp 3gpp2 lrv insv braw mkv webm mk3d avi mts m2ts mpg mpeg wmv".split())
_SOUND = frozenset(
    b"mp3 mp2 mp1 mpga m4a m4b m4r m4p aac ogg oga opus spx flac wav wave aif aiff aifc wma aax asf ogv 3ga".split()
)
"""Extensions of recordings, and of films that say what recordings say."""
_DOCUMENTS = frozenset(
    b"pdf docx docm dotx dotm xlsx xlsm xltx pptx pptm ppsx potx odt ods odp odg ott ots otp".split()
)
_WITH_FIELDS = _MEDIA | _SOUND | _DOCUMENTS


def evidence_by(kind: FileKind, claimed: Evidence, rules: Rules) -> tuple[Evidence, TypeVerdict]:
    """Return the category of a file by its name and the kind of its content, and how it was decided."""
    verdict = decide(claimed.extension, claimed.category, kind, rules)
    if verdict.by is Basis.EXTENSION:
        of_text = kind.certainty is Certainty.TEXT and claimed.category == OTHER
        rule = f"{claimed.rule}, text of no known kind" if of_text else claimed.rule
        return claimed._replace(rule=rule), verdict
    word = kind.extension.decode() or kind.family or "text"
    rule = f"content: {word}"
    if verdict.is_mismatch and claimed.extension:
        rule += f" named {claimed.extension.decode('utf-8', 'replace')}"
    return claimed._replace(category=verdict.category, rule=rule), verdict


class DirectEvidence:
    """Reads a file when it is asked about it, and remembers nothing."""

    def __init__(self, rules: Rules, storage: Storage) -> None:
        self._rules = rules
        self._storage = storage
        self.is_missing = False

    def evidence(self, folder: bytes, name: bytes, claimed: Evidence) -> Evidence | None:
        """Return the category of a file by its content, too; None if it cannot be read."""
        found = self.verdict(folder, name, claimed)
        return None if found is None else found[0]

    def gather(self, reporter: Reporter) -> None:
        """Nothing is ever missing."""

    def verdict(self, folder: bytes, name: bytes, claimed: Evidence) -> tuple[Evidence, TypeVerdict] | None:
        """Return the same, and how it was decided."""
        try:
            with self._storage.open_read(folder, name) as file:
                fd = file.fileno()
                content = OpenContent(fd, os.fstat(fd).st_size)
                kind = with_model(kind_of(content), content.head)
        except Exception:  # a reader that fails costs one file, whatever it raises
            return None
        return evidence_by(kind, claimed, self._rules)


class _Folder(NamedTuple):
    """What the index knows of the files of a folder, by name."""

    folder: bytes
    kinds: dict[bytes, bytes]
    media: dict[bytes, bytes]
    raws: dict[bytes, bytes]


class IndexedEvidence:
    """Answers from the index about the files of one tree. What is missing there is noted, and read by `gather`."""

    def __init__(
        self, rules: Rules, index: Index, root: bytes, exiftool: Exiftool | None = None, pool: Pool | None = None
    ) -> None:
        """`exiftool` is the program that is asked, too, about pictures, films and recordings. `pool` has helpers that
        read if they run already.
        """
        self._pool = pool
        self._rules = rules
        self._index = index
        self._exiftool = "" if exiftool is None else exiftool.program
        self._reader = b"" if exiftool is None else b"exiftool-%s " % exiftool.version.encode()
        by_exiftool = frozenset[bytes]() if exiftool is None else _BY_EXIFTOOL
        self._with_date, self._with_fields = _MEDIA | by_exiftool, _WITH_FIELDS | by_exiftool
        self._run = os.urandom(4).hex().encode() + NOT_ASKED
        """Precedes the reader of a file that goes without exiftool in this run only."""
        self._root = root
        self._known: _Folder | None = None
        self._is_empty: bool | None = None
        """True if the index has no evidence at all: then no folder is looked up."""
        self._kinds_missing: dict[bytes, set[bytes]] = {}
        self._media_missing: dict[bytes, set[bytes]] = {}
        self.is_missing = False
        """True if an answer since this was last set to False was not known yet."""
        self.unread = 0
        """The number of files that could not be read."""

    def evidence(self, folder: bytes, name: bytes, claimed: Evidence) -> Evidence | None:
        """Return the category of a file by its content, too; None if it is not known, or not yet."""
        kind = self.kind(folder, name)
        return None if kind is None else evidence_by(kind, claimed, self._rules)[0]

    def kind(self, folder: bytes, name: bytes) -> FileKind | None:
        """Return the kind of a file; None if it is not known, or not yet."""
        text = self._in(folder).kinds.get(name, b"") if self._has_any() else b""
        if not text:
            self._kinds_missing.setdefault(folder, set()).add(name)
            self.is_missing = True
        return kind_from(text)

    def verdict(self, folder: bytes, name: bytes) -> TypeVerdict | None:
        """Return how name and content of a file are weighed; None if it is not known, or not yet."""
        kind = self.kind(folder, name)
        return None if kind is None else self.weighed(name, kind)

    def weighed(self, name: bytes, kind: FileKind) -> TypeVerdict:
        """Return how the name of a file and the kind of its content are weighed."""
        extension = self._rules.extension_of(name)
        is_open = self._rules.is_doubtful(extension)  # `rules.heads` decides on these
        return decide(extension, OTHER if is_open else self._rules.by_extension(extension), kind, self._rules)

    def media_of(self, folder: bytes, name: bytes, *, with_fields: bool = False) -> MediaFacts | None:
        """Return what a file says of itself if its name, or its content where the name does not decide, is that of a
        picture or film, or with `with_fields` that of a recording or a document, too; None for other files, and if it
        is not known, or not yet.
        """
        wanted = self._with_fields if with_fields else self._with_date
        extension = self._rules.extension_of(name)
        if extension not in wanted:
            asks = self._rules.look_into
            if asks is LookInto.NONE or (asks is not LookInto.ALL and self._rules.by_extension(extension) != OTHER):
                return None
            kind = self.kind(folder, name)
            if kind is None or kind.extension not in wanted:
                return None
        return self.media(folder, name)

    def media(self, folder: bytes, name: bytes) -> MediaFacts | None:
        """Return what a picture or film says of itself; None if it is not known, or not yet."""
        text = self._in(folder).media.get(name, b"")
        if not text:
            self._media_missing.setdefault(folder, set()).add(name)
            self.is_missing = True
        return media_from(text)

    def raw_of(self, folder: bytes, name: bytes) -> bytes | None:
        """Return the raw file with which a picture was taken, if there is one; not one that could not be read."""
        known = self._in(folder)
        raw = known.raws.get(name)
        return None if raw is not None and known.media.get(raw) == UNREAD else raw

    def media_in(self, folder: bytes) -> Iterator[MediaFacts]:
        """Yield what the index knows of the pictures and films of a folder."""
        for text in self._in(folder).media.values():
            if text and (facts := media_from(text)) is not None:
                yield facts

    def _has_any(self) -> bool:
        if self._is_empty is None:
            with self._index.guarded():
                self._is_empty = self._index.kept_evidence() is None
        return not self._is_empty

    def _in(self, folder: bytes) -> _Folder:
        if self._known is None or self._known.folder != folder:
            kinds, media, raws = dict[bytes, bytes](), dict[bytes, bytes](), dict[bytes, bytes]()
            with self._index.guarded():
                for known in self._batches(folder):
                    with_raws = known.batch.raws()
                    if not (with_raws or any(known.kinds) or any(known.media)):
                        continue
                    names = known.batch.split_names()
                    raws.update((names[at], raw) for at, raw in with_raws.items())
                    kinds.update(zip(names, known.kinds, strict=True))
                    media.update(zip(names, known.media, strict=True))
            self._known = _Folder(folder, kinds, media, raws)
        return self._known

    def _batches(self, folder: bytes) -> list[KnownEvidence]:
        """Return what is known of a folder, without what files said by another reader than that of the run, or beside
        other sidecars: those may be in another batch.
        """
        batches = list(self._index.evidence().folder(self._index.root_id(self._root), folder, READER))
        if any(any(known.media) for known in batches):
            stamps = {name: self._reader + _stamp(sidecars) for name, sidecars in _sidecars(batches).items()}
            for known in batches:
                for at, (name, text) in enumerate(zip(known.batch.split_names(), known.media, strict=True)):
                    before = text.partition(b"[")[0].removeprefix(self._run)
                    if text != UNREAD and before != stamps.get(name, self._reader):
                        known.media[at] = b""
        return batches

    def gather(self, reporter: Reporter) -> None:
        """Read all that was asked for and is missing, and keep it in the index."""
        kinds, media = self._kinds_missing, self._media_missing
        self._kinds_missing, self._media_missing, self._known, self.is_missing = {}, {}, None, False
        self._is_empty = None
        reporter.stage("read", sum(map(len, kinds.values())) + sum(map(len, media.values())))
        open_: dict[int, _OpenBatch] = {}

        def take(answers: Iterable[EvidenceAnswer]) -> None:
            for answer in answers:
                batch = open_[answer.batch]
                batch.add(answer)
                for texts in (answer.kinds, answer.media):
                    self.unread += sum(text == UNREAD for text in texts.values())
                reporter.advance(len(answer.kinds) + len(answer.media), 0, batch.known.batch.folder)
                if not batch.left:
                    self._keep(open_.pop(answer.batch).known)

        read_all(self._tasks(kinds, media, open_), take, self._pool)

    def _keep(self, known: KnownEvidence) -> None:
        with self._index.guarded():
            self._index.evidence().put([known], READER)

    def _tasks(
        self, kinds: dict[bytes, set[bytes]], media: dict[bytes, set[bytes]], open_: dict[int, _OpenBatch]
    ) -> Iterator[list[EvidenceRequest]]:
        """Yield requests in tasks that are worth the transfer to a helper."""
        task: list[EvidenceRequest] = []
        files = names_of_all = 0
        with self._index.guarded():
            has_relocated = self._index.evidence().has_relocated()
        for folder in sorted({*kinds, *media}):
            with self._index.guarded():
                batches = self._batches(folder)
            beside = _sidecars(batches) if folder in media else {}
            for known in batches:
                names = known.batch.split_names()
                for_kind, for_media = kinds.get(folder, set()), media.get(folder, set())
                stamps = {
                    at: self._reader + _stamp(beside.get(name, ()))
                    for at, name in enumerate(names)
                    if name in for_media
                }
                is_changed = has_relocated and self._take_relocated(names, known, for_kind, stamps)
                parts = list(_parts(names, known, for_kind, for_media))
                if not parts:
                    if is_changed:
                        self._keep(known)
                    continue
                open_[known.id] = _OpenBatch(known, stamps, len(parts), self._run)
                for part_kinds, part_media in parts:
                    sidecars = {at: [each.name for each in beside.get(names[at], ())] for at in part_media}
                    task.append(_request(self._root, known, part_kinds, part_media, sidecars, self._exiftool))
                    files += len(part_kinds) + len(part_media)
                    names_of_all += len(names)
                    if files >= _FILES_A_TASK or names_of_all >= _NAMES_A_TASK:
                        yield task
                        task, files, names_of_all = [], 0, 0
        if task:
            yield task

    def _take_relocated(
        self, names: Sequence[bytes], known: KnownEvidence, kinds: set[bytes], stamps: Mapping[int, bytes]
    ) -> bool:
        """Fill in what is known of the files from other batches; return whether there was any."""
        evidence, is_changed = self._index.evidence(), False
        with self._index.guarded():
            for at, (_, size, mtime_ns, ctime_ns, inode, _, _) in enumerate(known.batch.rows()):
                wants_kind = names[at] in kinds and not known.kinds[at]
                wants_media = at in stamps and not known.media[at]
                if not (wants_kind or wants_media):
                    continue
                facts = inode, size, mtime_ns, ctime_ns
                kind, said = evidence.relocated(known.batch.dev, facts, READER)
                if wants_kind and kind:
                    known.kinds[at], is_changed = kind, True
                if wants_media and said and said.partition(b"[")[0] == stamps[at]:
                    known.media[at], is_changed = said, True
        return is_changed


class _OpenBatch:
    """A batch of which some files are being read. `left`: the tasks without an answer."""

    def __init__(self, known: KnownEvidence, stamps: Mapping[int, bytes], left: int, run: bytes) -> None:
        self.known = known
        self.left = left
        self._run = run
        self._stamps = stamps

    def add(self, answer: EvidenceAnswer) -> None:
        for position, text in answer.kinds.items():
            self.known.kinds[position] = text
        for position, text in answer.media.items():
            run = self._run if text.startswith(NOT_ASKED) else b""
            before = b"" if text == UNREAD else run + self._stamps[position]
            self.known.media[position] = before + text.removeprefix(NOT_ASKED)
        self.left -= 1


def _parts(
    names: Sequence[bytes], known: KnownEvidence, kinds: set[bytes], media: set[bytes]
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield positions to read for their kind and for what they say of themselves, a task at a time."""
    for_kind = [at for at, name in enumerate(names) if name in kinds and not known.kinds[at]]
    for_media = {at for at, name in enumerate(names) if name in media and not known.media[at]}
    wanted = sorted({*for_kind, *for_media})
    asked = set(for_kind)
    for start in range(0, len(wanted), _FILES_A_TASK):
        some = wanted[start : start + _FILES_A_TASK]
        yield [at for at in some if at in asked], [at for at in some if at in for_media]


def _request(
    root: bytes, known: KnownEvidence, kinds: list[int], media: list[int], beside: dict[int, list[bytes]], exiftool: str
) -> EvidenceRequest:
    batch = known.batch
    columns = batch.folder, batch.files, batch.names, batch.numbers
    positions = array("H", kinds).tobytes(), array("H", media).tobytes()
    return EvidenceRequest(known.id, root, *columns, *positions, beside, exiftool)


class _Sidecar(NamedTuple):
    """A file beside another one that may have a date."""

    name: bytes
    size: int
    mtime_ns: int


def _sidecars(batches: Iterable[KnownEvidence]) -> dict[bytes, list[_Sidecar]]:
    """Return the files beside others that may have a date for them, by the name of the leader or raw file."""
    found: dict[bytes, list[_Sidecar]] = {}
    for known in batches:
        batch = known.batch
        beside = [*batch.followers().items(), *batch.raws().items()]
        if not beside:
            continue
        rows = list(zip(batch.split_names(), batch.sizes, batch.mtimes_ns, strict=True))
        for position, leader in beside:
            name, size, mtime_ns = rows[position]
            is_picture = _suffix(leader) not in _FILMS and _suffix(name) in _MEDIA  # a film has posters and trailers
            if name.lower().endswith(DATED_SIDECARS) or is_picture:
                found.setdefault(leader, []).append(_Sidecar(name, size, mtime_ns))
    return found


def _suffix(name: bytes) -> bytes:
    return name[name.rfind(b".") + 1 :].lower()


def _stamp(sidecars: Sequence[_Sidecar]) -> bytes:
    """Return what precedes the text of a file with sidecars: it changes with them, but not with their names."""
    if not sidecars:
        return b""
    return b"%x" % xxh3_64_intdigest(repr(sorted((each.size, each.mtime_ns) for each in sidecars)).encode())
