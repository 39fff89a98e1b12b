"""An import from a card, on FAT and exFAT: whatever happens at any call, no certificate is wrong, and it goes on.

The card is pulled, or another one takes its place; a file of it changes; the disk of the destination fills up. The
normal run does this at a few calls; `python -m tests.matrix pulled-cards` at all of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
import traceback
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import pytest
from tests.support.disks import CARDS, Disk, NotTested, plugged_in
from tests.support.share import part

from fileorg.core.errors import FileorgError
from fileorg.core.events import NullReporter
from fileorg.core.model import By
from fileorg.core.state import open_state
from fileorg.storage.local import posix
from fileorg.workflows.import_files import ImportOptions, importing

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator

pytestmark = pytest.mark.root

_READING = "open read pread preadv lstat stat fstat scandir readlink listxattr getxattr"
_WRITING = """
    write pwrite sendfile copy_file_range posix_fallocate truncate ftruncate utime setxattr fchmod chmod fsync fdatasync
    link rename mkdir unlink rmdir
"""
_CALLS = ((os, _READING + _WRITING), (posix, "open_beneath open_to_read rename_noreplace sync_file_system"))
_FILES = {
    "DCIM/100CANON/IMG_0001.JPG": b"one" * 9000,
    "DCIM/100CANON/IMG_0001.XMP": b"settings",
    "DCIM/100CANON/IMG_0002.JPG": b"two",
    "DCIM/101CANON/IMG_0001.JPG": b"the numbers begin again" * 2000,
    "DCIM/101CANON/IMG_0003.JPG": b"in the album already",
}


_LONG_AGO_NS = 1_600_000_000 * 10**9


class Strike:
    """Counts the calls of this process, and acts before one of them."""

    def __init__(self, at: int, pull: Callable[[], object]) -> None:
        self.calls, self._at, self._pull = 0, at, pull

    def arm(self) -> None:
        for module, names in _CALLS:
            for name in names.split():
                setattr(module, name, self._counting(getattr(module, name)))

    def _counting(self, call: Any) -> Any:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls == self._at:
                self._pull()
            return call(*arguments, **named)

        return counted


@pytest.fixture(scope="module", params=CARDS)
def card(request: pytest.FixtureRequest) -> Iterator[Disk]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            with plugged_in(request.param, Path(folder, "card")) as disk:
                fill(disk, _FILES)
                disk.plug_in_again()
                yield disk
        except NotTested as why:
            pytest.skip(str(why))


class Ended(NamedTuple):
    """The end of an import: whether the certificate is complete, the error, and the calls before the second reading."""

    is_complete: bool
    error: str = ""
    calls_before: int = 0


def one_import(card: Path, around: Path, calls: Callable[[], int] = lambda: 0) -> Ended:
    """Import into the folder `album`."""
    before = 0
    try:
        state = open_state(os.fsencode(around / "state"))
        options = ImportOptions(os.fsencode(card), os.fsencode(around / "album"), by=By.DATE)
        with importing(options, state, NullReporter()) as run:
            if run.plan.files:
                run.run()
            before = calls()
            with run.certificate() as certificate:
                return Ended(certificate.is_complete, "", before)
    except (FileorgError, OSError) as error:
        return Ended(False, f"{type(error).__name__}: {error}", before)


def in_a_child(card: Path, around: Path, at: int, event: Callable[[], object]) -> tuple[Ended, int]:
    """Import in another process that acts before its call number `at`; return the end, and the number of calls."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        code = 1
        try:
            strike = Strike(at, event)
            write = os.write
            strike.arm()
            ended = one_import(card, around, lambda: strike.calls)
            write(writing, json.dumps([ended, strike.calls]).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with open(reading, "rb") as answer:
        found = answer.read()
    os.waitpid(child, 0)
    assert found, "the import ended with an unexpected error"
    ended, calls = json.loads(found)
    return Ended(*ended), calls


def contents(root: Path) -> set[str]:
    """Return the digests of all files with content."""
    files = (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.stat().st_size}


def digests_of(files: Iterable[bytes]) -> set[str]:
    return {hashlib.sha256(content).hexdigest() for content in files}


_EXPECTED = digests_of(_FILES.values())
_OTHER = {name: content[:-1] + b"?" for name, content in _FILES.items()}
_CHANGED = "DCIM/100CANON/IMG_0002.JPG"


def fill(card: Disk, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = card.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, ns=(_LONG_AGO_NS, _LONG_AGO_NS))


def pulled(card: Disk, around: Path, at: int) -> int:
    ended, calls = in_a_child(card.place, around, at, card.pull)
    if at and calls >= at:
        card.plug_in_again()
    if ended.is_complete:
        assert contents(around / "album") >= _EXPECTED, (at, ended)
    return calls


def replaced(card: Disk, around: Path, at: int) -> int:
    """Put another card in its place, with the same label, names, sizes and times, and this one back at the end."""
    card.unmount()
    other = card.another(around)
    other.mount()
    fill(other, _OTHER)
    other.unmount()
    card.mount()

    def swap() -> None:
        card.unmount_lazily()
        other.mount()

    ended, calls = in_a_child(card.place, around, at, swap)
    there, of_other = contents(around / "album"), digests_of(_OTHER.values())
    if ended.is_complete:
        assert there >= _EXPECTED or there >= of_other, (at, ended)
    if ended.is_complete and 0 < at <= ended.calls_before:  # it was there before the second reading
        assert there >= of_other, (at, ended)
    if at and calls >= at:
        other.unmount()
        card.mount()
    return calls


def changed(card: Disk, around: Path, at: int) -> int:
    path, new = card.place / _CHANGED, b"TWO"
    try:
        ended, calls = in_a_child(card.place, around, at, lambda: path.write_bytes(new))
        there = contents(around / "album")
        if ended.is_complete:
            assert there >= _EXPECTED or there >= contents(card.place), (at, ended)
        if ended.is_complete and 0 < at <= ended.calls_before:
            assert there >= contents(card.place), (at, ended)
        return calls
    finally:
        fill(card, {_CHANGED: _FILES[_CHANGED]})


def filled_up(card: Disk, around: Path, at: int) -> int:
    """Fill the disk of the destination, and make room afterwards."""
    album, ballast = around / "album", around / "album" / "ballast"

    def fill_up() -> None:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(b"\1" * 4096):
                pass

    ended, calls = in_a_child(card.place, around, at, fill_up)
    ballast.unlink(missing_ok=True)
    if ended.is_complete:
        assert contents(album) >= _EXPECTED, (at, ended)
    return calls


def happens_at(what: Callable[[Disk, Path, int], int], card: Disk, at: int) -> int:
    """Let it happen before a call of an import, and import again. Return the number of calls."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        around = Path(folder)
        (around / "album").mkdir()
        if what is filled_up:
            _mount_small(around / "album", stack)
        (around / "album" / "old.jpg").write_bytes(_FILES["DCIM/101CANON/IMG_0003.JPG"])
        calls = what(card, around, at)
        again = one_import(card.place, around)
        assert again.is_complete, (at, again)
        assert contents(around / "album") >= _EXPECTED, (at, again)
        assert contents(card.place) == _EXPECTED
        assert not [name for _, _, names in os.walk(around / "album") for name in names if name.endswith(".part")]
    return calls


def _mount_small(place: Path, stack: contextlib.ExitStack) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)], check=True)
    stack.callback(subprocess.run, ["umount", "--lazy", str(place)], check=True)


EVENTS = (pulled, replaced, changed, filled_up)
_MEANINGS: dict[Callable[[Disk, Path, int], int], str] = {
    pulled: "the card is pulled",
    replaced: "another card takes its place",
    changed: "a file of the card changes",
    filled_up: "the destination fills up",
}


@pytest.mark.parametrize("what", EVENTS)
def test_what_happens_to_a_card(card: Disk, what: Callable[[Disk, Path, int], int]) -> None:
    if card.kind is CARDS["fat"] and what is not pulled:
        pytest.skip("its driver is slow: see the slow test")
    calls = happens_at(what, card, 0)
    for quarter in (1, 3):
        happens_at(what, card, calls * quarter // 4)


@pytest.mark.slow
@pytest.mark.parametrize("what", EVENTS)
def test_what_happens_to_a_card_at_every_call(
    card: Disk, what: Callable[[Disk, Path, int], int], tally: Counter[str]
) -> None:
    for at in part(range(1, happens_at(what, card, 0) + 1)):
        happens_at(what, card, at)
        tally[f"9 cards: import, {_MEANINGS[what]}: every call"] += 1


def test_a_card_that_cannot_be_written(card: Disk, tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    card.plug_in_again(read_only=True)
    try:
        with pytest.raises(OSError, match=r"Read-only|Permission"):
            (card.place / "new").write_bytes(b"")
        assert one_import(card.place, tmp_path).is_complete
        assert contents(tmp_path / "album") == _EXPECTED
    finally:
        card.plug_in_again()


@pytest.mark.parametrize("entry", [0, 0xFFF7])
def test_a_damaged_chain_of_clusters(card: Disk, tmp_path: Path, entry: int) -> None:
    """The certificate is complete only if a plain program reads the same bytes twice, without an error."""
    if card.kind is not CARDS["fat"]:
        pytest.skip("the table of exFAT is read in another way")
    (tmp_path / "album").mkdir()
    with card.image() as file:
        before = _damage(file, entry)
    try:
        ended = one_import(card.place, tmp_path)
        try:
            readable = contents(card.place)
        except OSError:
            assert not ended.is_complete
        else:
            assert not ended.is_complete or contents(tmp_path / "album") >= readable, ended
    finally:
        with card.image() as file:
            file.write(before)


def _damage(file: BinaryIO, entry: int) -> bytes:
    """Write an entry into both tables of a FAT16, in the middle of the first long chain; return the bytes before."""
    before = file.read()
    reserved, tables = int.from_bytes(before[14:16], "little"), before[16]
    sectors = int.from_bytes(before[22:24], "little")
    start, length = reserved * 512, sectors * 512
    table = array("H", before[start : start + length])
    at = next(at for at in range(2, len(table)) if table[at] == at + 1 and table[at + 1] == at + 2)
    for number in range(tables):
        file.seek(start + number * length + 2 * (at + 1))
        file.write(entry.to_bytes(2, "little"))
    file.flush()
    file.seek(0)
    return before


def test_another_card_in_its_place_is_not_certified(card: Disk) -> None:
    """The other card has the same names, sizes and times: only its content differs."""
    with tempfile.TemporaryDirectory() as folder:
        around = Path(folder)
        path = card.place / "DCIM/100CANON/IMG_0002.JPG"
        before = path.stat()
        try:
            assert one_import(card.place, around).is_complete
            path.write_bytes(b"TWO")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            card.plug_in_again()
            assert one_import(card.place, around).is_complete
            assert hashlib.sha256(b"TWO").hexdigest() in contents(around / "album")
        finally:
            path.write_bytes(_FILES["DCIM/100CANON/IMG_0002.JPG"])
            with contextlib.suppress(OSError):
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
