"""Programs that find duplicates: the options that make them do the same work, and readers for their answers.

The same work: read all regular files of a tree with at least one byte, including hidden ones, follow no symlink, count
several names of one file once, change nothing. Each program decides in its own way that two files are equal.
"""

import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

File = tuple[int, int]
"""Device and inode, which identify a file under all of its names."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of equal files. `names` has one path of each file, for messages."""

    files: frozenset[frozenset[File]]
    names: dict[File, bytes] = field(compare=False, repr=False)

    @classmethod
    def of(cls, groups: Iterable[Iterable[bytes]]) -> "Groups":
        """Make groups from paths. Merge the names of one file, and drop groups of a single file."""
        files: set[frozenset[File]] = set()
        names: dict[File, bytes] = {}
        for group in groups:
            members = set()
            for path in group:
                status = os.lstat(path)
                names.setdefault((status.st_dev, status.st_ino), path)
                members.add((status.st_dev, status.st_ino))
            if len(members) > 1:
                files.add(frozenset(members))
        return cls(frozenset(files), names)

    @property
    def file_count(self) -> int:
        return sum(map(len, self.files))

    def differences(self, other: "Groups", limit: int = 5) -> list[str]:
        """Return a line for each group that only one side has: at most `limit` per side."""
        names = self.names | other.names
        return [
            f"only {side}: {sorted(names[file] for file in group)!r}"
            for side, more, less in (("the first", self, other), ("the second", other, self))
            for group in sorted(more.files - less.files, key=sorted)[:limit]
        ]


@dataclass(frozen=True, slots=True)
class Finder:
    """A program and its options. `output` precedes the root; without it, the program answers on standard output."""

    name: str
    program: tuple[str, ...]
    options: tuple[str, ...]
    output: tuple[str, ...]
    read: Callable[[bytes], Iterator[list[bytes]]]
    version: tuple[str, ...] = ("--version",)
    takes_any_name: bool = False
    """True if the answer is readable for all names; otherwise a line break splits one name into two."""

    @property
    def writes_file(self) -> bool:
        return bool(self.output)

    def command(self, root: str, result: Path, *more: str) -> list[str]:
        """Return the command. It writes its answer to `result` if `writes_file`; `more` are further options."""
        output = [word.replace("{}", str(result)) for word in self.output]
        return [*self.program, *self.options, *more, *output, root]

    def groups(self, answer: bytes) -> Groups:
        return Groups.of(self.read(answer))


def read_nul(answer: bytes) -> Iterator[list[bytes]]:
    """Yield groups from an answer with a NUL after each path and another after each group, except maybe the last."""
    yield from (group.split(b"\0") for group in answer.rstrip(b"\0").split(b"\0\0") if group)


def read_lines(answer: bytes) -> Iterator[list[bytes]]:
    """Yield groups from an answer with one path per line and an empty line between groups."""
    yield from (group.split(b"\n") for group in re.split(rb"\n\n+", answer.strip(b"\n")) if group)


_ESCAPED = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{6})|(.))", re.DOTALL)
_SHORT = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def read_escaped_lines(answer: bytes) -> Iterator[list[bytes]]:
    """Yield groups like `read_lines`; decode unprintable parts of names such as `\\n`, `\\xe9` or `\\u00001b`."""

    def unescaped(found: re.Match[bytes]) -> bytes:
        byte, point, character = found.groups()
        if byte is not None:
            return bytes([int(byte, 16)])
        return chr(int(point, 16)).encode() if point is not None else _SHORT.get(character, character)

    for group in read_lines(answer):
        yield [_ESCAPED.sub(unescaped, path) for path in group]


# DUPTYPE_… id depth size device inode priority name; a name ends before the next such line, or the last line.
_RESULT = re.compile(
    rb"^DUPTYPE_\w+ (-?\d+) \d+ \d+ \d+ \d+ -?\d+ (.*?)\n(?=DUPTYPE_\w+ -?\d+ |# end of file\n)",
    re.DOTALL | re.MULTILINE,
)


def read_results(answer: bytes) -> Iterator[list[bytes]]:
    """Yield groups from the results file of rdfind: the first file of a group has its number, others its negative."""
    groups: defaultdict[int, list[bytes]] = defaultdict(list)
    for found in _RESULT.finditer(answer):
        groups[abs(int(found[1]))].append(found[2])
    yield from groups.values()


def fileorg(command: Sequence[str]) -> Finder:
    """Return fileorg without its skip rules, because its peers have none."""
    return Finder(
        "fileorg",
        tuple(command),
        ("dedupe", "--everything", "--hidden", "--null"),
        (),
        read_nul,
        takes_any_name=True,
    )


def _jdupes(program: str) -> Finder:
    return Finder("jdupes", (program,), ("-r", "-q", "-0"), (), read_nul, ("-v",), takes_any_name=True)


def _rdfind(program: str) -> Finder:
    return Finder("rdfind", (program,), (), ("-outputname", "{}"), read_results, takes_any_name=True)


def _rmlint(program: str) -> Finder:
    # By default, rmlint treats symlinks as small files, and reports empty files and folders.
    options = ("-T", "duplicates", "--hidden", "--no-followlinks", "--size", "1")
    return Finder("rmlint", (program,), options, ("-o", "fdupes:{}"), read_lines)


def _fdupes(program: str) -> Finder:
    return Finder("fdupes", (program,), ("-r", "-q", "-n"), (), read_lines)


def _fclones(program: str) -> Finder:
    options = ("group", "--hidden", "--no-ignore", "--min", "1", "--format", "fdupes")
    return Finder("fclones", (program,), options, ("--output", "{}"), read_escaped_lines, takes_any_name=True)


_PEERS = {"jdupes": _jdupes, "rdfind": _rdfind, "rmlint": _rmlint, "fdupes": _fdupes, "fclones": _fclones}
PEER_NAMES = tuple(_PEERS)


def peer(name: str) -> Finder | None:
    """Return the peer of that name if it is in PATH, else None."""
    program = shutil.which(name)
    return None if program is None else _PEERS[name](program)
