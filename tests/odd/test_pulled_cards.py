"""An import from a card, on FAT and exFAT, that is pulled at any call: no certificate is wrong, and the import goes on.

The normal run pulls it at a few calls; `pytest -m slow tests/odd/test_pulled_cards.py` at all of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.disks import CARDS, Disk, NotTested, plugged_in

from fileorg.core.errors import FileorgError
from fileorg.core.events import NullReporter
from fileorg.core.model import By
from fileorg.core.state import open_state
from fileorg.storage.local import posix
from fileorg.workflows.import_files import ImportOptions, importing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.root

_CALLS = (
    (os, ("open", "read", "preadv", "lstat", "fstat", "scandir", "pwrite", "fsync", "link", "mkdir", "unlink")),
    (posix, ("open_beneath", "open_to_read", "rename_noreplace", "sync_file_system")),
)  # fmt: skip
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
            for name in names:
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
                for name, content in _FILES.items():
                    path = disk.place / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
                    os.utime(path, ns=(_LONG_AGO_NS, _LONG_AGO_NS))
                disk.plug_in_again()
                yield disk
        except NotTested as why:
            pytest.skip(str(why))


def one_import(card: Path, around: Path) -> dict[str, Any]:
    """Import into the folder `album`; return whether the certificate is complete, or the error."""
    state = open_state(os.fsencode(around / "state"))
    options = ImportOptions(os.fsencode(card), os.fsencode(around / "album"), by=By.DATE)
    try:
        with importing(options, state, NullReporter()) as run:
            if run.plan.files:
                run.run()
            with run.certificate() as certificate:
                return {"is_complete": certificate.is_complete, "facts": certificate.facts()}
    except (FileorgError, OSError) as error:
        return {"is_complete": False, "error": f"{type(error).__name__}: {error}"}


def in_a_child(card: Path, around: Path, at: int, pull: Callable[[], object]) -> tuple[dict[str, Any], int]:
    """Import in another process that acts before its call number `at`; return the end, and the number of calls."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        code = 1
        try:
            strike = Strike(at, pull)
            write = os.write
            strike.arm()
            ended = one_import(card, around)
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
    return ended, calls


def contents(root: Path) -> set[str]:
    """Return the digests of all files with content."""
    files = (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.stat().st_size}


def pull_at(card: Disk, at: int) -> int:
    """Pull the card before a call of an import, plug it in again, and import again. Return the number of calls."""
    expected = {hashlib.sha256(content).hexdigest() for content in _FILES.values()}
    with tempfile.TemporaryDirectory() as folder:
        around = Path(folder)
        (around / "album").mkdir()
        (around / "album" / "old.jpg").write_bytes(_FILES["DCIM/101CANON/IMG_0003.JPG"])
        ended, calls = in_a_child(card.place, around, at, card.pull)
        if at and calls >= at:
            card.plug_in_again()
        if ended["is_complete"]:
            assert contents(around / "album") == expected, (at, ended)
        again = one_import(card.place, around)
        assert again["is_complete"], (at, ended, again)
        assert contents(around / "album") == expected, (at, ended, again)
        assert contents(card.place) == expected
        assert not [name for _, _, names in os.walk(around / "album") for name in names if name.endswith(".part")]
    return calls


def test_a_card_that_is_pulled(card: Disk) -> None:
    calls = pull_at(card, 0)
    for part in range(1, 5):
        pull_at(card, calls * part // 5)


@pytest.mark.slow
def test_a_card_that_is_pulled_at_every_call(card: Disk) -> None:
    calls = pull_at(card, 0)
    for at in range(1, calls + 1):
        pull_at(card, at)


def test_another_card_in_its_place_is_not_certified(card: Disk) -> None:
    """The other card has the same names, sizes and times: only its content differs."""
    with tempfile.TemporaryDirectory() as folder:
        around = Path(folder)
        path = card.place / "DCIM/100CANON/IMG_0002.JPG"
        before = path.stat()
        try:
            assert one_import(card.place, around)["is_complete"]
            path.write_bytes(b"TWO")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            card.plug_in_again()
            assert one_import(card.place, around)["is_complete"]
            assert hashlib.sha256(b"TWO").hexdigest() in contents(around / "album")
        finally:
            path.write_bytes(_FILES["DCIM/100CANON/IMG_0002.JPG"])
            with contextlib.suppress(OSError):
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
