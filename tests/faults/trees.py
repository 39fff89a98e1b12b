"""Small trees that exercise every step of the protocol, and the commands to run on them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_TIME_NS = 1_700_000_000_123_456_789
_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class Scenario:
    """A tree and a command. `others` are faults in every run, which emulate a file system without some feature."""

    name: str
    build: Callable[[Path, Path], None]
    options: tuple[str, ...] = ()
    first: tuple[str, ...] = ("organize", "-r")
    """The command that is undone and redone later."""
    others: tuple[str, ...] = ()
    other_device: bool = False
    rows: int = 0
    two_processes: bool = False
    first_run: bool = False
    placeholders: bool = False
    two_roots: bool = False
    """The command works in the root and in the destination."""
    wanders: bool = False
    """The number of calls depends on the kernel's name cache: the last ones may be missing."""
    control: str = ""
    groups: tuple[frozenset[bytes], ...] = ()
    """Contents of files of one group, which are in the same folder after recovery."""
    meddle: Callable[[Path], None] = lambda _: None
    """An outsider's act before undo."""
    part: tuple[str, ...] = ()
    """The files that undo and redo are about, empty for all."""

    def __str__(self) -> str:
        return self.name


def write(path: Path | bytes, content: bytes, *, mode: int = 0o644, day: int = 0) -> None:
    """Write a file with a unique time, by which it is recognised."""
    path = os.fsencode(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "xb") as file:
        file.write(content)
    os.chmod(path, mode)
    os.utime(path, ns=(_TIME_NS, _TIME_NS + day * _DAY_NS + len(os.listdir(os.path.dirname(path))) * 1_000_001))


def settle_folders(root: Path) -> None:
    """Give each folder a distinct old time: a change within the current second might not be visible."""
    folders = [os.fsencode(folder) for folder, _, _ in os.walk(root, topdown=False)]
    for number, folder in enumerate(folders):
        os.utime(folder, ns=(_TIME_NS, _TIME_NS - number * 1_000_000_007))


def messy(root: Path, _dest: Path) -> None:
    """Conflicts, hard links, an existing destination, nested folders, names of any bytes, odd modes, sidecars."""
    base = os.fsencode(root)
    write(root / "a.jpg", b"one")
    write(root / "b/a.jpg", b"two", day=3)
    write(root / "b/c/a.jpg", b"three")
    write(root / "b/c/d/same.jpg", b"one more")
    write(root / "same.jpg", b"one more")
    write(root / "Images/a.jpg", b"was there", mode=0o600)
    write(root / "Images/a (2).jpg", b"was there too")
    write(root / "notes.TXT", b"private", mode=0o400)
    write(root / "run.tar.gz", b"\x1f\x8b" * 40, mode=0o755)
    write(root / "empty.pdf", b"")
    write(root / "b/film.mp4", b"film")
    write(root / "b/film.srt", b"words")
    write(root / "b/unknown.zzz", b"stays")
    write(root / ".hidden.jpg", b"stays too")
    write(base + b"/b/new\nline\x1b[31m.png", b"escape")
    write(base + b"/b/not utf-8 \xff\xfe.png", b"bytes")
    write(base + b"/" + b"n" * 247 + b".mp3", b"a long name")
    write(root / "first.wav", b"linked")
    os.link(root / "first.wav", root / "b/second.wav")
    os.link(root / "b/film.mp4", root / "b/unknown-too.zzz")
    os.symlink("a.jpg", root / "link.jpg")
    os.utime(root / "link.jpg", ns=(_TIME_NS, _TIME_NS), follow_symlinks=False)
    os.makedirs(root / "b/nothing in it", mode=0o750)
    with contextlib.suppress(OSError):
        os.setxattr(root / "a.jpg", "user.origin", b"camera")
    os.chmod(root / "b/c", 0o700)
    settle_folders(root)


def led_to(root: Path, dest: Path) -> None:
    """Symlinks to moved files, alone and in a group, to a skipped file, and to each other; with odd names and folder
    modes.
    """
    write(root / "a.jpg", b"one")
    write(root / "b/a.jpg", b"two", day=3)
    write(root / "b/c/d.txt", b"three")
    write(root / "b/unknown.zzz", b"stays")
    write(root / "Images/a.jpg", b"was there")
    write(root / "b/film.mp4", b"film")
    write(root / "b/film.srt", b"words")
    for name, target in (
        ("words", b"b/film.srt"),
        ("d/film", b"../b/film.mp4"),
        ("link", b"a.jpg"),
        ("b/c/link", b"../../a.jpg"),
        ("b/chain", b"../link"),
        ("b/there", b"c/../a.jpg"),
        ("b/stays", b"unknown.zzz"),
        ("d/\udcff\n", b"../b/c/d.txt"),
        ("d/absolute", os.fsencode(root / "b/a.jpg")),
        (".hidden", b"a.jpg"),
        ("circle", b"circle"),
    ):
        (root / name).parent.mkdir(exist_ok=True)
        os.symlink(target, os.fsencode(root / name))
        os.utime(root / name, ns=(_TIME_NS, _TIME_NS + len(name)), follow_symlinks=False)
    os.chmod(root / "b/c", 0o700)
    settle_folders(root)
    settle_folders(dest)


GROUPED = (
    frozenset({b"picture", b"its film", b"its edit"}),
    frozenset({b"film", b"words", b"more words", b"what it is"}),
    frozenset({b"database", b"its log"}),
    frozenset({b"first part", b"second part"}),
)


def grouped(root: Path, dest: Path) -> None:
    """Groups of files: in one group a name is taken; others lie in subfolders."""
    write(root / "i.HEIC", b"picture")
    write(root / "i.MOV", b"its film")
    write(root / "i.AAE", b"its edit")
    write(root / "Images/i.AAE", b"of another")
    write(dest / "Images/i.AAE", b"of yet another")
    for number, content in enumerate((b"film", b"words", b"more words", b"what it is")):
        write(root / "b" / f"film.{('mkv', 'en.srt', 'de.srt', 'nfo')[number]}", content)
    write(root / "b/notes.db", b"database")
    write(root / "b/notes.db-wal", b"its log")
    write(root / "b/c/x.part1.rar", b"first part")
    write(root / "b/c/x.part2.rar", b"second part")
    write(root / "b/alone.txt", b"alone")
    settle_folders(root)
    settle_folders(dest)


JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + bytes(40) + b"\xff\xd9"
MISNAMED = (frozenset({JPEG + b"2", b"its film", b"its edit"}), frozenset({JPEG + b"3", b"<x/>"}))


def misnamed(root: Path, _dest: Path) -> None:
    """Files whose extension does not fit their content: alone, in groups, and where the right name is taken."""
    write(root / "a.png", JPEG)
    write(root / "Images/i.HEIC", JPEG + b"2")
    write(root / "Images/i.MOV", b"its film")
    write(root / "Images/i.AAE", b"its edit")
    write(root / "b/c/x.png", JPEG + b"3")
    write(root / "b/c/x.png.xmp", b"<x/>")
    write(root / "b/page.pdf", b"<!DOCTYPE html><html><head><title>404</title></head></html>")
    write(root / "b/page.html", b"was there")
    write(root / "b/right.jpg", JPEG + b"4")
    write(root / "b/unknown", b"stays")
    settle_folders(root)


def duplicate_groups(root: Path, dest: Path) -> None:
    """A duplicate group of files, and two groups with identical sidecars."""
    for place, day in ((root / "a", 0), (dest if dest.parent != root.parent else root / "b", 1)):
        for name, content in (("i.HEIC", b"picture"), ("i.MOV", b"its film"), ("i.AAE", b"its edit")):
            write(place / name, content, day=day)
    write(root / "c/j.HEIC", b"another")
    write(root / "c/j.AAE", b"its edit")
    settle_folders(root)
    settle_folders(dest)


def contested(root: Path, _dest: Path) -> None:
    """For keep-newer: one file replaces the existing one, one is skipped, and three compete for one name."""
    write(root / "Documents/old.txt", b"old", day=-9)
    write(root / "old.txt", b"newer", day=1)
    write(root / "Documents/new.txt", b"new", day=9)
    write(root / "new.txt", b"older", day=-1)
    for day, folder in enumerate("abc"):
        write(root / folder / "many.txt", folder.encode(), day=day)
    write(root / "Documents/many.txt", b"the oldest", day=-3)
    write(root / "b/plain.png", b"plain")
    settle_folders(root)


def cross_device(root: Path, dest: Path) -> None:
    """For cross-device moves: attributes, modes, a hole, more than one buffer, hard links, taken names."""
    write(root / "a.jpg", b"here", mode=0o640)
    write(dest / "Images/a.jpg", b"there")
    write(root / "b/attributes.png", b"with attributes", mode=0o400)
    with contextlib.suppress(OSError):
        os.setxattr(root / "b/attributes.png", "user.origin", b"camera")
        os.setxattr(root / "b/attributes.png", "user.rating", b"5")
    write(root / "b/empty.txt", b"")
    write(root / "big.zip", bytes(range(256)) * 4400, mode=0o755)
    write(root / "sparse.iso", b"")
    os.truncate(root / "sparse.iso", 1 << 17)
    os.utime(root / "sparse.iso", ns=(_TIME_NS, _TIME_NS))
    write(root / "b/linked.mp3", b"two names")
    os.link(root / "b/linked.mp3", root / "b/linked too.mp3")
    if os.geteuid() == 0:
        os.chown(root / "a.jpg", 1234, 4321)
    settle_folders(root)
    settle_folders(dest)


def nested(root: Path, _dest: Path) -> None:
    """Folders with different modes that will be empty."""
    for folder in ("a", "a/b", "a/b/c"):
        write(root / folder / f"{folder[-1]}.txt", folder.encode())
    os.chmod(root / "a/b/c", 0o500)
    os.chmod(root / "a/b", 0o770)
    os.chmod(root / "a", 0o711)
    settle_folders(root)


def remove_empty_folders(root: Path) -> None:
    """Remove empty folders without a trace: restore parent times, because undo keeps the time of a changed folder."""
    seen = root.stat()
    for folder in ("a/b/c", "a/b", "a"):
        (root / folder).rmdir()
    os.utime(root, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def caseless(root: Path, _dest: Path) -> None:
    """For a case-insensitive disk: files that compete for one name, and folders that exist in another case."""
    write(root / "a.jpg", b"one")
    write(root / "b/A.JPG", b"two", day=3)
    write(root / "b/c/a.jpg", b"three")
    write(root / "b/c/Same.jpg", b"one more")
    write(root / "same.JPG", b"one more")
    write(root / "imaGES/A.jpg", b"was there")
    write(root / "imaGES/a (2).jpg", b"was there too")
    write(root / "notes.TXT", b"private")
    write(root / "empty.pdf", b"")
    write(root / "b/Film.mp4", b"film")
    write(root / "b/Film.srt", b"words")
    write(root / "b/caf\u00e9.png", b"text")
    write(root / ("n" * 247 + ".mp3"), b"a long name")
    (root / "b/nothing in it").mkdir()
    settle_folders(root)


def shouted(root: Path, _dest: Path) -> None:
    """Names in upper case, to be changed to lower case."""
    write(root / "IMG.JPG", b"one")
    write(root / "b/Empty.PDF", b"")
    write(root / "b/quiet.txt", b"stays")
    write(root / "b/c/Caf\u00c9.Txt", b"two")
    settle_folders(root)


def few(root: Path, _dest: Path) -> None:
    write(root / "a.jpg", b"one")
    write(root / "b/a.jpg", b"two")
    write(root / "b/c.txt", b"three")
    settle_folders(root)


def of_a_user(root: Path, dest: Path) -> None:
    """Another user's folders with setgid and different modes, in which root creates folders."""
    few(root, dest)
    write(root / "Images/a.jpg", b"was there")
    (root / "x/y/z").mkdir(parents=True)
    if os.geteuid() == 0:
        for folder, mode in ((root, 0o2770), (root / "Images", 0o700), (root / "x", 0o755), (root / "x/y", 0o2750)):
            os.chown(folder, 1234, 4321)
            folder.chmod(mode)
        os.chown(root / "x/y/z", 1234, 4321)
        (root / "x/y/z").chmod(0o711)
    settle_folders(root)


def hollow(root: Path, _dest: Path) -> None:
    """For clean: empty files, nested empty folders, broken symlinks, and similar entries that are kept."""
    write(root / "a.txt", b"")
    write(root / "b/c.txt", b"", mode=0o400)
    write(root / "b/two names.txt", b"")
    os.link(root / "b/two names.txt", root / "second name.txt")
    write(root / "b/full.txt", b"stays")
    write(root / "b/__init__.py", b"")
    write(root / "all of it goes/in/here.txt", b"")
    write(os.fsencode(root) + b"/all of it goes/\xff\x1b.txt", b"", mode=0o600)
    for folder, mode in (("x/y/z", 0o750), ("x/y", 0o2711), ("x/w", 0o500), ("x", 0o700), (".hidden/x", 0o755)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder).chmod(mode)
    for name, target in (
        ("b/link", "nowhere"),
        ("loop", "loop"),
        ("good", "b/full.txt"),
        ("all of it goes/l", "../x/n"),
    ):
        os.symlink(target, root / name)
        os.utime(root / name, ns=(_TIME_NS, _TIME_NS + len(name)), follow_symlinks=False)
    settle_folders(root)


def two_trees(root: Path, dest: Path) -> None:
    """Two folders with the same names: other content, the same content, groups, and folders that the run empties."""
    for number, base in enumerate((root, dest)):
        day, text = 10 * number, b"%d" % number
        write(base / "a.jpg", b"picture " + text, day=day)
        write(base / "same.txt", b"the same", day=day)
        write(base / "b/film.mp4", b"film " + text, day=day)
        write(base / "b/film.srt", b"words " + text, day=day)
        write(base / "b/c/deep.pdf", b"deep " + text, mode=0o600, day=day)
        write(base / f"only {number}.mp3", b"song " + text, day=day)
    write(dest / "Images/a.jpg", b"was there", day=50)
    (root / "b/c").chmod(0o750)
    settle_folders(root)
    settle_folders(dest)


def two_hollow(root: Path, dest: Path) -> None:
    """For clean: empty files and folders of two folders."""
    for number, base in enumerate((root, dest)):
        write(base / "a.txt", b"", day=10 * number)
        write(base / "b/kept.txt", b"kept %d" % number, day=10 * number)
        (base / "x/y").mkdir(parents=True, mode=0o750)
        os.symlink("nowhere", base / "broken")
        os.utime(base / "broken", ns=(_TIME_NS, _TIME_NS + number), follow_symlinks=False)
    settle_folders(root)
    settle_folders(dest)


def duplicates(root: Path, dest: Path) -> None:
    """Duplicates with different links, attributes, modes, times and names; larger than a buffer; with holes."""
    base = os.fsencode(root)
    write(root / "a.jpg", b"same", mode=0o600)
    write(root / "b/a.jpg", b"same", day=3)
    write(root / "b/c/linked.jpg", b"same", mode=0o400)
    os.link(root / "b/c/linked.jpg", root / "b/also linked.jpg")
    os.link(root / "a.jpg", root / "b/keeper too.jpg")
    with contextlib.suppress(OSError):
        os.setxattr(root / "b/a.jpg", "user.origin", b"camera")
    write(base + b"/b/new\nline\x1b[31m.txt", b"escape")
    write(base + b"/b/not utf-8 \xff\xfe.txt", b"escape", mode=0o755)
    write(base + b"/" + b"n" * 247 + b".txt", b"escape", day=-2)
    write(root / "big.iso", bytes(range(256)) * 4400)
    write(root / "b/c/big.iso", bytes(range(256)) * 4400)
    write(root / "sparse.img", b"head" + bytes(1 << 17))
    write(root / "d/sparse.img", b"head")
    os.truncate(root / "d/sparse.img", 4 + (1 << 17))
    os.utime(root / "d/sparse.img", ns=(_TIME_NS, _TIME_NS))
    write(root / "alone.txt", b"alone")
    os.symlink("a.jpg", root / "link.jpg")
    os.utime(root / "link.jpg", ns=(_TIME_NS, _TIME_NS), follow_symlinks=False)
    os.chmod(root / "b/c", 0o700)
    write(dest / "e/there.jpg", b"same")
    write(dest / "there too.iso", bytes(range(256)) * 4400, mode=0o640)
    settle_folders(root)
    settle_folders(dest)


def pair(root: Path, _dest: Path) -> None:
    write(root / "a.jpg", b"same")
    write(root / "b/a.jpg", b"same", day=3)
    write(root / "b/c.txt", b"alone")
    settle_folders(root)


def exchanged(root: Path, dest: Path) -> None:
    """For apply: names that are exchanged, a cycle through folders, a chain, folders that exchange their names,
    a folder that moves, the trash, names of any bytes, and a plan beside it.
    """
    base = os.fsencode(root)
    for number, name in enumerate((b"a", b"b", b"c", b"d/c", b"d/e/c", b"1", b"2", b"3", b"old", b"kept \xff\n")):
        write(base + b"/" + name, b"content of " + name, mode=0o600 + 0o44 * (number % 2), day=number)
    for number, name in enumerate((b"x/one", b"x/deep/two", b"y/one", b"y/three", b"z/four", b"z/\x1b[31m")):
        write(base + b"/" + name, b"content of " + name, day=20 + number)
    (root / "z/empty").mkdir(mode=0o750)
    os.symlink("four", root / "z/link")
    os.utime(root / "z/link", ns=(_TIME_NS, _TIME_NS), follow_symlinks=False)
    rows = [
        (b"a", b"b"), (b"b", b"a"), (b"c", b"d/c"), (b"d/c", b"d/e/c"), (b"d/e/c", b"c"), (b"1", b"2"), (b"2", b"3"),
        (b"3", b"new/4"), (b"x", b"y"), (b"y", b"x"), (b"z", b"new/z"), (b"kept \xff\n", b"caf\xe9"),
    ]  # fmt: skip
    write(dest / "plan.jsonl", _lines(rows) + b'{"path": "old", "action": "trash"}\n', day=90)
    settle_folders(root)
    settle_folders(dest)


def _lines(rows: Sequence[tuple[bytes, bytes]]) -> bytes:
    encoded = [[base64.b64encode(path).decode() for path in row] for row in rows]
    return b"".join(json.dumps({"path_b64": old, "new_path_b64": new}).encode() + b"\n" for old, new in encoded)


def rotated(root: Path, dest: Path) -> None:
    """For apply: one cycle of eight names in two folders, and nothing else."""
    names = [b"%b%d" % (folder, number) for number in range(4) for folder in (b"", b"d/")]
    for number, name in enumerate(names):
        write(os.fsencode(root) + b"/" + name, b"content of " + name, day=number)
    write(dest / "plan.jsonl", _lines(list(zip(names, names[1:] + names[:1], strict=True))), day=90)
    settle_folders(root)
    settle_folders(dest)


def folders_for_files(root: Path, dest: Path) -> None:
    """For apply: a file and a folder exchange their names, a file takes that of its folder, and a cycle of three."""
    base = os.fsencode(root)
    paths = (b"a", b"b/one", b"b/deep/two", b"c/c", b"c/three", b"1", b"2/four", b"3")
    for number, path in enumerate(paths):
        write(base + b"/" + path, b"content of " + path, day=number)
    (root / "b/empty").mkdir(mode=0o750)
    rows = [
        (b"a", b"b"), (b"b", b"a"), (b"c/c", b"c"), (b"c", b"new/c"), (b"1", b"2"), (b"2", b"3"), (b"3", b"1"),
    ]  # fmt: skip
    write(dest / "plan.jsonl", _lines(rows), day=90)
    settle_folders(root)
    settle_folders(dest)


def exchanged_on_disks(root: Path, dest: Path) -> None:
    """For apply: names that two files exchange across disks, a cycle that crosses twice, and a file and a folder."""
    here, there = os.fsencode(root) + b"/", os.fsencode(dest) + b"/"
    paths = (
        here + b"a",
        there + b"b",
        here + b"1",
        here + b"d/2",
        there + b"3",
        there + b"x",
        here + b"y/in",
        here + b"z",
    )
    for number, path in enumerate(paths):
        write(path, b"content of " + path.rpartition(b"/")[2], day=number)
    a, b, one, two, three, x, _, z = paths
    rows = [(a, b), (b, a), (one, two), (two, three), (three, one), (x, here + b"y"), (here + b"y", z), (z, x)]
    write(dest / "plan.jsonl", _lines(rows), day=90)
    settle_folders(root)
    settle_folders(dest)


_NO_RENAME = "renameat2:error=EINVAL"
_NO_LINK = "linkat:error=EPERM"
_KEEP_NEWER = ("--on-conflict", "keep-newer")

SCENARIOS = (
    Scenario("messy", messy),
    Scenario("batches", messy, rows=4),
    Scenario("two processes", messy, rows=5, two_processes=True),
    Scenario("first run", few, first_run=True),
    Scenario("keep newer", contested, _KEEP_NEWER),
    Scenario("across devices", cross_device, other_device=True),
    Scenario("folders that were removed", nested, meddle=remove_empty_folders),
    Scenario("folders that it empties", nested, ("--remove-empty",)),
    Scenario("folders that it empties, in batches", messy, ("--remove-empty",), rows=3, two_processes=True),
    Scenario("two folders into one", two_trees, ("--remove-empty",), two_roots=True),
    Scenario("two folders, clean", two_hollow, first=("clean",), two_roots=True),
    Scenario("copy", messy, ("--action", "copy")),
    Scenario("copy across devices", cross_device, ("--action", "copy"), other_device=True),
    Scenario("hard links", messy, ("--action", "hardlink")),
    Scenario("symlinks", messy, ("--action", "symlink")),
    Scenario("by date", messy, ("--by", "date")),
    Scenario("no renameat2", messy, others=(_NO_RENAME,)),
    Scenario("no renameat2, no links", messy, others=(_NO_RENAME, _NO_LINK), placeholders=True),
    Scenario("across devices, no renameat2", cross_device, others=(_NO_RENAME,), other_device=True),
    Scenario("across devices, no links", cross_device, others=(_NO_LINK,), other_device=True),
    Scenario(
        "across devices, neither", cross_device, others=(_NO_RENAME, _NO_LINK), other_device=True, placeholders=True
    ),
    Scenario("symlinks to what moves", led_to),
    Scenario("symlinks to what moves, in batches", led_to, rows=4),
    Scenario("symlinks to what moves across devices", led_to, other_device=True),
    Scenario("groups", grouped, groups=GROUPED),
    Scenario("groups in batches", grouped, rows=3, groups=GROUPED),
    Scenario("groups across devices", grouped, other_device=True, groups=GROUPED),
    Scenario("folders of a user", of_a_user, ("--template", "{year}/{category}/{name}")),
    Scenario("folders of a user, clean", of_a_user, first=("clean",)),
    Scenario("clean", hollow, first=("clean",)),
    Scenario("clean in batches", hollow, first=("clean",), rows=3, two_processes=True),
    Scenario("clean, no renameat2", hollow, first=("clean",), others=(_NO_RENAME,)),
    Scenario(
        "clean, no renameat2, no links", hollow, first=("clean",), others=(_NO_RENAME, _NO_LINK), placeholders=True
    ),
    Scenario("extensions that are fixed", misnamed, ("--fix-extensions",), groups=MISNAMED),
    Scenario("a part", messy, ("--remove-empty",), part=("b/c", "a.jpg", "*.wav")),
    Scenario("a part, in batches", grouped, rows=3, groups=GROUPED, part=("*.srt", "Images")),
)


def _of_duplicates(name: str, action: str, **facts: Any) -> Scenario:
    return Scenario(name, facts.pop("build", duplicates), ("--action", action), first=("dedupe",), **facts)


DUPLICATES = (
    _of_duplicates("quarantine", "quarantine"),
    _of_duplicates("hard links in their place", "hardlink"),
    _of_duplicates("symlinks in their place", "symlink"),
    _of_duplicates("quarantine in batches", "quarantine", rows=3),
    _of_duplicates("hard links in batches", "hardlink", rows=3),
    _of_duplicates("groups in quarantine", "quarantine", build=duplicate_groups),
    _of_duplicates("groups, hard links in their place", "hardlink", build=duplicate_groups),
    _of_duplicates("quarantine, two roots", "quarantine", other_device=True),
    _of_duplicates("symlinks, two roots", "symlink", other_device=True),
    _of_duplicates("quarantine, no renameat2", "quarantine", others=(_NO_RENAME,)),
    _of_duplicates("quarantine, neither", "quarantine", others=(_NO_RENAME, _NO_LINK), placeholders=True),
)


def _applied(name: str, build: Callable[[Path, Path], None] = exchanged, **facts: Any) -> Scenario:
    return Scenario(name, build, ("--partial",), first=("apply",), **facts)


APPLIED = (
    _applied("a plan"),
    _applied("a cycle", rotated),
    _applied("a plan in batches", rows=3),
    _applied("a cycle, two processes", rotated, rows=3, two_processes=True),
    _applied("a plan, two processes", rows=5, two_processes=True),
    _applied("folders for files", folders_for_files),
    _applied("folders for files, two processes", folders_for_files, rows=3, two_processes=True),
    _applied("folders for files, neither", folders_for_files, others=(_NO_RENAME, _NO_LINK), placeholders=True),
    _applied("a plan across disks", exchanged_on_disks, other_device=True),
    _applied("a plan across disks, no renameat2", exchanged_on_disks, other_device=True, others=(_NO_RENAME,)),
    _applied("a plan, no renameat2", others=(_NO_RENAME,)),
    _applied("a plan, no renameat2, no links", others=(_NO_RENAME, _NO_LINK), placeholders=True),
)
ON_EXFAT = _applied("folders for files on exFAT", folders_for_files, placeholders=True)
SHARED = _of_duplicates("shared blocks", "reflink")
_PAIRS = tuple(
    _of_duplicates(f"pair, {action}", action, build=pair) for action in ("quarantine", "hardlink", "symlink")
)
BY_NAME = {
    scenario.name: scenario for scenario in (*SCENARIOS, *DUPLICATES, *_PAIRS, *APPLIED, ON_EXFAT, Scenario("few", few))
}
