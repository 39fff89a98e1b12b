"""Files and folders that fileorg skips: by name, or by the patterns of `.fileorgignore`, --exclude and --include."""

from __future__ import annotations

from enum import StrEnum
from os import fsdecode
from typing import TYPE_CHECKING

from xxhash import xxh3_128

from fileorg.core.errors import UsageError
from fileorg.core.names import display, join
from fileorg.core.tuples import NamedTuple
from fileorg.rules.globs import Glob, Globs
from fileorg.rules.joined_names import EDGE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.rules.joined_names import JoinedNames

IGNORE_FILE = b".fileorgignore"


class IgnoreReason(StrEnum):
    """The reason why a file or folder is skipped, as shown in the summary."""

    HIDDEN = "hidden"
    UNFINISHED = "unfinished download"
    LOCK_FILE = "lock file of an office program"
    SYSTEM = "system file"
    OURS = "fileorg's own"
    TOOLING = "version control or dependencies"
    PROJECT = "project folder"
    BUNDLE = "bundle"
    EXCLUDED = "excluded"
    TOO_NEW = "changed too recently"
    TOO_OLD = "changed too long ago"
    TOO_SMALL = "too small"
    TOO_LARGE = "too large"
    INTENTIONAL = "empty on purpose"
    TWICE = "mounted twice"
    OPEN = "open in a program"
    TOGETHER = "kept with its folder"
    ABANDONED = "unfinished for over a month"
    VIRTUAL_MACHINE = "virtual machine"
    DISC = "disc structure"
    PROFILE = "application profile"
    MAIL = "mail store"
    STUDIO = "music or video project"
    LIBRARY = "library"
    GAME = "game"
    PROGRAM = "program"
    DATABASE = "database"
    BACKUP = "backup"
    OTHER_SYSTEM = "another system"
    SINCE_JOB = "changed since the job began"
    UNSETTLED = "not settled yet"
    PUT_BACK = "moved back by hand"


LIMITS = frozenset(
    {
        IgnoreReason.TOO_NEW,
        IgnoreReason.TOO_OLD,
        IgnoreReason.TOO_SMALL,
        IgnoreReason.TOO_LARGE,
        IgnoreReason.SINCE_JOB,
    }
)
"""Reasons for files that the limits of time and size do not take."""


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


# Lower case here, any case on disk. tmp: half of the files that browsers and office programs are writing. rsls, icloud
# and the like are placeholders for files stored elsewhere.
UNFINISHED = _words("""
    part crdownload download partial opdownload wkdownload fdmdownload dtapart getright aria2 aria2__temp ytdl
    unconfirmed crswap temp_download downloading uploading incomplete inprogress unfinished tmp temp filepart dctmp
    antifrag !qb !ut !bt !ob !dl !tx !fw !dm !xt !tc !mv az! bc! jc! ob! bs! td xltd jccfg jccfg3 dap qkdownloading
    !sync bts syncpart synctemp syncold rsls rslsd rslsc mega rclonepart lftp ffs_tmp drivedownload driveupload
    cyberducksegment nextcloud owncloud icloud _mp vsctmp
""")
SYSTEM_FILES = _words(".ds_store .localized .directory thumbs.db ehthumbs.db desktop.ini") | {b"icon\r"}
# AppleDouble halves; NFS and FUSE placeholders for files that were deleted while open.
SYSTEM_PREFIXES = (b"._", b".nfs0", b".fuse_hidden")
SYSTEM_FOLDERS = _words("""
    @eadir @tmp @recycle @recently-snapshot #recycle #snapshot .snapshot .snapshots .zfs .recycle lost+found
    $recycle.bin recycler .spotlight-v100 .fseventsd .temporaryitems .documentrevisions-v100 .appledouble
""") | {b"system volume information"}
TOOLING = _words("""
    .git .hg .svn .bzr .jj .pijul _darcs CVS node_modules bower_components .venv __pycache__ __pypackages__
    site-packages .tox .nox .mypy_cache .pytest_cache .ruff_cache .gradle .terraform .yarn .pnpm-store
""")

_MAX_PATTERNS = 10_000
"""Maximum number of patterns in one file: more would take seconds to parse."""
_SHOWN = 80
"""Maximum length of a pattern in a message."""

# First bytes and last suffixes of all names that `Ignore._file` skips: nearly all names have neither.
_ODD_FIRST = frozenset(b".~")
_ODD_SUFFIXES = UNFINISHED | {b"db", b"ini", b"icon\r"}


def has_unfinished_suffix(lower: bytes) -> bool:
    """Return whether a name in lower case has the suffix of an unfinished download."""
    dot = lower.rfind(b".")
    return dot > 0 and lower[dot + 1 :] in UNFINISHED


class Ignore:
    """The skip rules of one run. `fingerprint` (16 bytes) changes with the options and the built-in rules."""

    fingerprint: bytes

    def __init__(
        self,
        *,
        hidden: bool = False,
        all_files: bool = False,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        unready: bool = False,
    ) -> None:
        """Take the options: `hidden` includes hidden files and folders, `everything` all but those of fileorg itself;
        the patterns use gitignore syntax, relative to the root.

        Raises `UsageError` for a pattern that can match nothing.
        """
        self._hidden = hidden or all_files
        self.all_files = all_files
        self._unready = unready
        self._exclude = _of_option("--exclude", exclude, whole=False)
        self._include = _of_option("--include", include, whole=True)
        tables = (UNFINISHED, SYSTEM_FILES, SYSTEM_FOLDERS, TOOLING)
        built_in = (SYSTEM_PREFIXES, [sorted(table) for table in tables])
        facts = (hidden, all_files, [*include], [*exclude], built_in)
        self.fingerprint = xxh3_128(repr(facts).encode()).digest()

    def may_leave(self, names: JoinedNames) -> bool:
        """Return whether `file` could skip any of these names: nearly never, which saves a call for each name."""
        odd = names.text.find(EDGE + b".") >= 0 or names.text.find(EDGE + b"~") >= 0
        return odd or not _ODD_SUFFIXES.isdisjoint(names.suffixes)

    def file(self, name: bytes) -> IgnoreReason | None:
        """Return the reason to skip a file called `name`, None if it is not skipped. Called once per file."""
        if name[0] in _ODD_FIRST or name[name.rfind(b".") + 1 :].lower() in _ODD_SUFFIXES:
            return self._file(name)
        return None

    def _file(self, name: bytes) -> IgnoreReason | None:
        if _is_ours(name):
            return IgnoreReason.OURS
        if self.all_files:
            return None
        lower = name.lower()
        if lower in SYSTEM_FILES or lower.startswith(SYSTEM_PREFIXES):
            return IgnoreReason.SYSTEM
        if name in TOOLING:  # in work trees and submodules `.git` is a file
            return IgnoreReason.TOOLING
        if has_unfinished_suffix(lower):
            return None if self._unready else IgnoreReason.UNFINISHED
        if name.startswith(b"~$") or (name.startswith(b".~lock.") and name.endswith(b"#")):
            return IgnoreReason.LOCK_FILE
        return IgnoreReason.HIDDEN if name.startswith(b".") and not self._hidden else None

    def folder(self, name: bytes) -> IgnoreReason | None:
        """Return the reason not to enter a folder called `name`, None if it is entered."""
        if _is_ours(name):
            return IgnoreReason.OURS
        if self.all_files:
            return None
        lower = name.lower()
        if lower in SYSTEM_FOLDERS or lower.startswith(b".trash"):
            return IgnoreReason.SYSTEM
        if name in TOOLING:
            return IgnoreReason.TOOLING
        if has_unfinished_suffix(lower):
            return IgnoreReason.UNFINISHED
        return IgnoreReason.HIDDEN if name.startswith(b".") and not self._hidden else None

    def scope(
        self,
        folder: bytes,
        ignore_file: bytes | None,
        parent: Scope | None,
        note: Callable[[str], None] = lambda _: None,
    ) -> Scope | None:
        """Return the patterns that apply in `folder` (root-relative, the root is `b""`); None if there are none.

        `ignore_file` is the content of its `.fileorgignore`, `parent` the scope of its parent. `tell` is called with a
        message for each invalid line, because another user's mistake must not stop the run.
        """
        own = _of_file(folder, ignore_file, note) if ignore_file else None
        if not own and parent is None and not self._exclude and not self._include:
            return None
        names = tuple(fsdecode(folder).split("/")) if folder else ()
        above = (_Level(0, self._exclude),) if parent is None else parent.levels
        # Options come first because they take precedence, then the nearest file.
        levels = (above[0], _Level(len(names), own), *above[1:]) if own else above
        return Scope(names, levels, self._include)


def is_tooling(name: bytes) -> bool:
    """Return whether a folder of that name belongs to version control or holds a project's dependencies."""
    return name in TOOLING


def _is_ours(name: bytes) -> bool:
    if name[:8].lower() != b".fileorg":
        return False
    lower = name.lower()  # where case is ignored, the trash may be listed in another one
    return lower == b".fileorg" or name == IGNORE_FILE or (lower.startswith(b".fileorg-") and lower.endswith(b".part"))


class _Level(NamedTuple):
    """The patterns of one folder, and its depth."""

    start: int
    globs: Globs


class Scope:
    """The patterns that apply to the names of one folder."""

    __slots__ = ("_above", "_include", "levels")

    def __init__(self, above: tuple[str, ...], levels: tuple[_Level, ...], include: Globs) -> None:
        """Take `above`, the components of the folder's path."""
        self._above = above
        self.levels = levels
        self._include = include

    def excludes(self, name: bytes, *, is_folder: bool) -> bool:
        """Return whether the patterns skip `name` in this folder, given that the folder itself was entered."""
        return self.forbids(name, is_folder=is_folder) or (
            not is_folder and bool(self._include) and not self.includes(name)
        )

    def forbids(self, name: bytes, *, is_folder: bool = False) -> bool:
        """Return the same without regard to --include."""
        above, text = self._above, fsdecode(name)
        for start, globs in self.levels:
            verdict = globs.verdict(above, start, text, is_folder=is_folder)
            if verdict is not None:
                return verdict
        return False

    def includes(self, name: bytes) -> bool:
        """Return whether --include matches `name` in this folder, file or folder; True without such patterns."""
        verdict = self._include.verdict(self._above, 0, fsdecode(name), is_folder=True)
        return not self._include if verdict is None else verdict


class Patterns:
    """Patterns of an option in gitignore syntax: the last match decides."""

    def __init__(self, option: str, texts: Sequence[str]) -> None:
        """Parse the patterns. Raises `UsageError` for one that can match nothing."""
        self._globs = _of_option(option, texts, whole=True)

    def match(self, path: bytes) -> bool:
        """Return whether the patterns match a root-relative path."""
        *above, name = fsdecode(path).split("/")
        return bool(self._globs.verdict(above, 0, name, is_folder=True))


def _of_file(folder: bytes, content: bytes, note: Callable[[str], None]) -> Globs:
    globs, path, bad = list[Glob](), display(join(folder, IGNORE_FILE)), 0
    for number, line in enumerate(fsdecode(content.removeprefix(b"\xef\xbb\xbf")).split("\n"), 1):
        text = line.rstrip("\r")
        if text.startswith("#") or not text.strip():
            continue
        if len(globs) + bad == _MAX_PATTERNS:
            note(f"{path}, line {number}: more than {_MAX_PATTERNS:,} patterns are not used")
            break
        try:
            globs.append(Glob(text, whole=False))
        except ValueError as error:
            bad += 1
            note(f"{path}, line {number}: the pattern {display(text[:_SHOWN])} cannot be used: {error}")
    return Globs(globs, whole=False)


def _of_option(option: str, texts: Sequence[str], *, whole: bool) -> Globs:
    globs = list[Glob]()
    for text in texts:
        if not text.strip():
            raise UsageError(f"{option} is empty.", hint=f'for example: {option} "*.jpg"')
        try:
            globs.append(Glob(text, whole=whole))
        except ValueError as error:
            raise UsageError(
                f"the pattern of {option} {display(text)} cannot be used: {error}",
                hint="patterns are written as in .gitignore; a backslash makes the next sign an ordinary one",
            ) from error
    return Globs(globs, whole=whole)
