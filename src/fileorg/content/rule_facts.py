"""What rules ask of the content of files, from the index; archives and texts are read when a rule asks about one."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, TypeVar

from fileorg.content.first_lines import head_text
from fileorg.content.head import OpenContent
from fileorg.content.types import Certainty, kind_of
from fileorg.content.zip_directory import read_directory
from fileorg.rules.facts import ContentType, MediaFields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fileorg.content.dates import RefusedDate
    from fileorg.content.dating import DatedBy, Dating
    from fileorg.content.evidence import IndexedEvidence
    from fileorg.content.head import Content
    from fileorg.rules.classify import Rules
    from fileorg.rules.moments import MediaMoment
    from fileorg.storage.base import Storage

T = TypeVar("T")


class RuleFacts:
    """The `ContentLookups` of one tree. What is missing in the index is read by `IndexedEvidence.gather`."""

    def __init__(self, evidence: IndexedEvidence, dating: Dating, rules: Rules, storage: Storage) -> None:
        self._evidence = evidence
        self._dating = dating
        self._rules = rules
        self._storage = storage

    def content_type(self, folder: bytes, name: bytes) -> ContentType:
        kind, extension = self._evidence.kind(folder, name), self._rules.extension_of(name)
        if kind is None:
            return ContentType(fitting_extension=extension)
        verdict = self._evidence.weighed(name, kind)
        fitting = verdict.right_extension or extension or kind.extension
        return ContentType(kind.mime, kind.extension, fitting, verdict.is_mismatch)

    def taken(self, folder: bytes, name: bytes) -> MediaMoment | None:
        return self._dating.taken(folder, name)

    @property
    def refused(self) -> Mapping[tuple[bytes, bytes], Sequence[RefusedDate]]:
        return self._dating.refused

    def date_of(self, folder: bytes, name: bytes, mtime_ns: int) -> tuple[int, DatedBy]:
        return self._dating.date_of(folder, name, mtime_ns)

    def named(self, name: bytes) -> MediaMoment | None:
        return self._dating.named(name)

    def media(self, folder: bytes, name: bytes) -> MediaFields:
        facts = self._evidence.media_of(folder, name, with_fields=True)
        if facts is None:
            return MediaFields()
        texts = {"camera": facts.camera, **facts.texts} if facts.camera else facts.texts
        return MediaFields(facts.width, facts.height, facts.duration_ms, texts)

    def archive_names(self, folder: bytes, name: bytes) -> Sequence[str]:
        def names(content: Content) -> Sequence[str]:
            return read_directory(content).names if content.head.startswith(b"PK") else ()

        return self._read(folder, name, names) or ()

    def head_text(self, folder: bytes, name: bytes) -> str:
        def text(content: Content) -> str:
            is_other = kind_of(content).certainty > Certainty.CERTAIN_TEXT
            return "" if is_other else head_text(content.head)

        return self._read(folder, name, text) or ""

    def _read(self, folder: bytes, name: bytes, read: Callable[[Content], T]) -> T | None:
        """Return what is read of a file; None if it cannot be read."""
        try:
            with self._storage.open_read(folder, name) as file:
                seen = os.fstat(file.fileno())
                return read(OpenContent(file.fileno(), seen.st_size)) if stat.S_ISREG(seen.st_mode) else None
        except Exception:  # a reader that fails costs one file, whatever it raises
            return None
