"""The certificate of an import: what was on a card, and where each content is now; as sentences, lines and JSON."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, TextIO

from fileorg.core.batches import in_batches
from fileorg.core.figures import plural, size
from fileorg.core.formats import JsonDocument, iso, named
from fileorg.core.names import below, display, join, scheme_of
from fileorg.core.sorting import in_path_order
from fileorg.report.left_out import not_compared_as_json, unread_as_json, unreadable_as_json
from fileorg.rules.ignore import IgnoreReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.content.comparison import Comparison, Located
    from fileorg.content.hashing import Reads
    from fileorg.index.columns import FileBatch
    from fileorg.scan.walk import Seen


class Certificate:
    """What was on a card when the import had ended, and where each content was then, by a reading of both."""

    def __init__(
        self,
        card: bytes,
        places: Sequence[bytes],
        found: Comparison,
        seen: Seen,
        reads: Reads,
        *,
        has_changed: bool,
        paranoid: bool,
        same_file_system: bool,
        taken: Callable[[FileBatch], Sequence[int]] | None,
    ) -> None:
        """`places` are the folders that were searched. `has_changed`: the card did, while it was imported.
        `same_file_system`: a place is on that of the card. `taken` is that of `Comparison.judge`.
        """
        self.card, self.places, self.found, self.seen, self.reads = card, places, found, seen, reads
        self.has_changed, self.paranoid, self._same_file_system = has_changed, paranoid, same_file_system
        self.made_ns = time.time_ns()
        self._taken = taken

    @property
    def is_complete(self) -> bool:
        """True if the content of all chosen files of the card is in the places."""
        return not (self.found.sums.missing or self.seen.unreadable_count or self.has_changed)

    @property
    def verdict(self) -> str:
        """Whether the card may be formatted, in a sentence."""
        if not self.is_complete:
            return "Do not format the card yet."
        if self._same_file_system:
            return "Do not format the card: copies are on the same file system."
        ignored = self.seen.ignored
        if self.found.sums.excluded or ignored[IgnoreReason.EXCLUDED] or ignored[IgnoreReason.OURS]:
            return "The card may be formatted, if nothing that was left out is needed."
        return "The card may be formatted."

    def files(self) -> Iterator[tuple[bytes, Located, bytes | None]]:
        """Yield the path of each file of the card, its facts, and the path of its content, None if it is missing; in
        path order.
        """
        return in_path_order((line[0], line) for line in self._files())

    def _files(self) -> Iterator[tuple[bytes, Located, bytes | None]]:
        for located in self.found.located(self._taken):
            path = below(self.card, join(located.file.folder, located.file.name))
            place = located.place
            yield path, located, None if place is None else below(self.places[place[0]], join(*place[1:]))

    def missing(self) -> Iterator[bytes]:
        """Yield the paths of the missing files, in path order."""
        paths = (below(self.card, join(file.folder, file.name)) for file in self.found.files())
        return in_path_order((path, path) for path in paths)

    def sentences(self) -> Iterator[str]:
        """Yield what the certificate says; the first sentence is the result."""
        sums, seen = self.found.sums, self.seen
        card, places = display(self.card), " and ".join(map(display, self.places))
        amount = f"{plural(sums.files, 'file')} ({size(sums.size_bytes)})"
        if self.is_complete:
            yield f"Everything is there: the content of {amount} in {card} is also in {places}."
        elif sums.missing:
            verb = "is" if sums.missing == 1 else "are"
            yield f"Not everything is there: {sums.missing:,} of {amount} in {card} {verb} missing in {places}."
        else:
            yield f"It is not certain that everything in {card} is also in {places}."
        if self.has_changed:
            yield f"{card} changed during the import: run the same command again."
        if seen.unreadable_count:
            yield f"{plural(seen.unreadable_count, 'folder')} could not be read, and may hold anything."
        if left_out := [f"{number:,} {one if number == 1 else several}" for number, one, several in self._left_out()]:
            yield f"Not part of it: {', '.join(left_out)}."
        if sums.all_followers:
            yield f"Among the files: {plural(sums.all_followers, 'sidecar')}."
        how = "byte by byte" if self.paranoid else "by digest"
        if not any(map(scheme_of, self.places)):
            yield f"Compared {how} after the copies were made. The copies were read from the disk."
        elif self.paranoid:
            yield "Compared byte by byte after the copies were made. The copies were read from the store."
        else:
            yield "Compared after the copies were made, by the checksums of the store, or by content where it has none."

    def _left_out(self) -> Iterator[tuple[int, str, str]]:
        """Yield what has no content to compare or was not read: how many, and the noun for one and for several."""
        sums, seen = self.found.sums, self.seen
        # Patterns exclude no folder here.
        counted = (
            (sums.empty, "empty file", "empty files"),
            (seen.empty_folders, "empty folder", "empty folders"),
            (seen.links, "symlink or special file", "symlinks and special files"),
            (sums.excluded, "file that the options do not select", "files that the options do not select"),
            (seen.ignored[IgnoreReason.EXCLUDED], "folder on another file system", "folders on other file systems"),
            (seen.ignored[IgnoreReason.OURS], "file or folder of fileorg", "files and folders of fileorg"),
        )
        return (line for line in counted if line[0])

    def facts(self) -> dict[str, Any]:
        """Return the result for programs."""
        sums, seen = self.found.sums, self.seen
        return {
            **named("root", self.card),
            "searched": [named("path", path) for path in self.places],
            "made": iso(self.made_ns),
            "is_complete": self.is_complete,
            "byte_by_byte": self.paranoid,
            "changed_meanwhile": self.has_changed,
            "files": sums.files,
            "size_bytes": sums.size_bytes,
            "missing_files": sums.missing,
            "missing_bytes": sums.missing_bytes,
            "sidecars": sums.all_followers,
            **not_compared_as_json(sums, seen),
            "unreadable": unreadable_as_json(seen),
            "unread_files": unread_as_json(self.reads.named),
        }

    def contents(self) -> Iterator[dict[str, Any]]:
        """Yield each file for programs."""
        for path, located, new_path in self.files():
            yield {
                **named("path", path),
                "size_bytes": located.file.size,
                "mtime": iso(located.file.mtime_ns),
                "digest": located.digest.hex() or None,
                **({"new_path": None} if new_path is None else named("new_path", new_path)),
            }

    def lines(self) -> Iterator[str]:
        """Yield each file for people."""
        for path, located, new_path in self.files():
            where = "MISSING" if new_path is None else f"= {display(new_path)}"
            yield f"{located.digest.hex() or '-':<32}  {display(path)}  {where}"


def write_certificate(stream: TextIO, certificate: Certificate, name: bytes) -> None:
    """Write the whole certificate to a file of this name: as JSON or as a page if its name ends so, else as text."""
    match os.path.splitext(name)[1].lower():
        case b".json":
            certificate_as_json(stream, certificate, {})
        case b".html" | b".htm":
            _as_page(stream, certificate)
        case _:
            _as_text(stream, certificate)


def _as_text(stream: TextIO, certificate: Certificate) -> None:
    stream.write(f"Certificate of fileorg import, {iso(certificate.made_ns)}\n\n")
    stream.write("".join(f"{each}\n" for each in certificate.sentences()) + "\n")
    stream.writelines("\n".join(lines) + "\n" for lines in in_batches(certificate.lines(), 256))


def _as_page(stream: TextIO, certificate: Certificate) -> None:
    from fileorg.report.contents_page import ContentsPage, Finding, write_contents_page

    sentence, *notes = certificate.sentences()
    finding = Finding(
        roots=[certificate.card],
        places=certificate.places,
        found=certificate.found,
        seen=certificate.seen,
        is_complete=certificate.is_complete,
        sentence=sentence,
        notes=notes,
        path=lambda _, folder: below(certificate.card, folder),
    )
    page = ContentsPage(
        title=f"Import of {display(certificate.card)}",
        verdict=certificate.verdict,
        made_ns=certificate.made_ns,
        how="compared byte by byte" if certificate.paranoid else "compared by digest",
        findings=[finding],
        reads=certificate.reads,
        seen_elsewhere=(),
        records=certificate.found.sums.files,
        lines=(
            (path, located.file.size, located.file.mtime_ns, new_path)
            for path, located, new_path in certificate.files()
        ),
        has_places=True,
        otherwise="fileorg import --certificate FILE.json",
    )
    write_contents_page(stream, page)


def certificate_as_json(stream: TextIO, certificate: Certificate, head: dict[str, Any]) -> None:
    """Write the certificate as a document, after the fields of `head`."""
    document = JsonDocument(stream)
    for key, value in head.items():
        document.field(key, value)
    document.field("certificate", certificate.facts())
    document.rows("contents", certificate.contents())
    document.end()
