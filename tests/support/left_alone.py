"""Generates docs/left-alone.md from the tables in `fileorg.rules`: `python -m tests.support.left_alone`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fileorg.rules.families import FAMILIES, FOLDERS, NEEDS_ITS_NAME, PAGE_FOLDERS, PAGES, SETS, SHEETS, WITH_RAW
from fileorg.rules.groups import STALE_NS
from fileorg.rules.ignore import SYSTEM_FILES, SYSTEM_FOLDERS, SYSTEM_PREFIXES, TOOLING, UNFINISHED, IgnoreReason
from fileorg.rules.marks import MARKS
from fileorg.rules.whole_folders import (
    BUNDLE_NAMES,
    BUNDLES,
    LIKELY,
    PROJECT_MARKERS,
    PROJECT_SUFFIXES,
    SURE,
    VERSION_CONTROL,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PAGE = Path(__file__).resolve().parents[2] / "docs/left-alone.md"
_DAYS = STALE_NS // (86_400 * 10**9)


def page() -> str:
    """Return the text of the page."""
    return "\n".join([*_how(), *_files(), *_marks(), *_together(), *_beside(), *_folders()]) + "\n"


def _how() -> Iterator[str]:
    yield """\
# Files that fileorg skips, and files that move together

A script makes this page from the tables that fileorg uses (`python -m tests.support.left_alone`), and a test compares
them. `fileorg explain PATH…` shows what fileorg would do with each file, and why. The case of file names does not
matter.

## How to change this

| | |
|---|---|"""
    yield from (_row(how, what) for how, what in _OTHERWISE.items())
    yield ""


_OTHERWISE = {
    "`.fileorgignore` in any folder": "skips more files and folders from here downward, in `.gitignore` syntax",
    "`--exclude PATTERN`": "does the same for one run, and overrides all other patterns",
    "`--include PATTERN`": "processes only matching files; a group counts as matching if its leader matches",
    "`--hidden`": "also processes hidden files and folders",
    "`--everything`": "also processes unfinished or open files, system files, projects and other folders kept whole; "
    "groups still move as one",
    "`--inside-project`": "also works in a folder that is part of a project, a library or a settings folder",
}


def _files() -> Iterator[str]:
    yield f"""\
## Files skipped because of their name

- **hidden**: the name starts with a dot
- **unfinished**, or a placeholder for a file stored elsewhere, by the last suffix:
  {_names(sorted(UNFINISHED))}.
  If no program has written to the file for {_DAYS} days, fileorg reports it as "{IgnoreReason.ABANDONED}".
- **system files**: {_names(map(_text, sorted(SYSTEM_FILES)))}, and names that start with {_names(SYSTEM_PREFIXES)}
"""


def _marks() -> Iterator[str]:
    yield f"""\
## Files skipped because of a mark beside them

A mark says that another file is unfinished or open. fileorg skips both the file and its mark. The mark may also be a
folder or a broken symlink. A lock file that is older than the start of the system has no owner, so fileorg sorts the
locked file. If no program has continued a download for
{_DAYS} days, fileorg skips the file beside it only if that file is an empty placeholder.

| | reason | mark → skipped file |
|---|---|---|"""
    for mark in MARKS:
        yield _row(mark.what, mark.reason, _arrows(mark.examples))
    for each in SETS:
        if each.reason is not None:
            yield _row(each.what, each.reason, _arrows(each.examples))
    yield ""


def _together() -> Iterator[str]:
    yield f"""\
## Files that move together

Every group has a leader, the file that the others belong to. fileorg moves all files of a group or none of them. The
category and the date of the leader decide where the group goes. If a name already exists, all files of the group get
the same number. If the files name each other (sheets, checksums of several files, and
{_names(sorted(NEEDS_ITS_NAME))}),
fileorg skips the group instead. If fileorg skips one file of a group, it skips all of them. If several files could be
the leader, fileorg prefers camera originals, then images, videos and audio files. If the leader is missing, each file
moves by itself. For `--min-age` and `--older-than`, a group is as new as its newest file.

A database program applies a log to any database of its name. So a database stays if a log with its name is at the
target, and a log stays if another database with its name is there, whatever `--on-conflict` says. A file also stays if
its name at the target is that of an unfinished download there, which would replace it.

| | file → its leader |
|---|---|"""
    examples: dict[str, list[tuple[str, str]]] = {}
    for number, family in enumerate(FAMILIES):
        what = family.what if "same" not in family.what else f"{family.what}\0{number}"
        examples.setdefault(what, []).extend(family.examples)
    for what, pairs in examples.items():
        yield _row(what.partition("\0")[0], _arrows(pairs))
    yield f"""
A raw file and the picture that the camera wrote beside it ({_arrows(WITH_RAW.examples)}) are two pictures: filters and
rules take each by itself, and one may be removed without the other. But they have one date, that of the raw file (if it
has none, that of the picture); and if both go to one folder, they go together under the same number. If the raw file
stays because it is there already, the picture stays with it."""
    yield """
| | parts, the leader first |
|---|---|"""
    for each in SETS:
        if each.reason is None:
            yield _row(each.what, "; ".join(" ".join(map(_code, names)) for names in each.examples))
    yield """
| | sheet → files that it names |
|---|---|"""
    for sheet in SHEETS:
        kind = ", if the files are of one category" if sheet.of_a_kind else ""
        pairs = [(name, " ".join(named)) for name, _, named in sheet.examples]
        yield _row(sheet.what + kind, _arrows(pairs))
    yield ""


def _beside() -> Iterator[str]:
    yield f"""\
## Files skipped together with a folder beside them

fileorg skips a web page that a browser saved ({_names(sorted(PAGES))}), together with its folder.
The name of the folder is the name of the page and one of these endings:
{_names(PAGE_FOLDERS)};
or any other ending or none, if the page names that folder. fileorg also skips:

| | folder → file |
|---|---|"""
    for each in FOLDERS:
        yield _row(each.what, _arrows([(folder + "/", file) for folder, file in each.examples]))
    yield ""


def _folders() -> Iterator[str]:
    yield f"""\
## Folders kept whole

fileorg moves nothing out of these folders, and nothing into them.

- **system and tool folders**, by name: {_names(sorted({*SYSTEM_FOLDERS, *TOOLING}))}
- **unfinished downloads**: folders with one of the suffixes above
- **bundles**, by suffix: {_names(BUNDLES)}; and by name: {_names(sorted(BUNDLE_NAMES))}
- **projects**, by a name in the folder: {_names(name for name in PROJECT_MARKERS if name not in VERSION_CONTROL)};
  or by a suffix in it: {_names(PROJECT_SUFFIXES)}
- **under version control**, by a name in the folder: {_names(VERSION_CONTROL)}

fileorg recognizes further folders by the names in them. A rule needs all names joined by `+`, and one of the names in
`{{}}`; `=_x` is the name of the first file with `_x` instead of its suffix. The rules after "also" may match a single
download: they apply to folders that a run finds, but not to the folder that you give.

| | names in the folder |
|---|---|"""
    for reason in dict.fromkeys([*SURE, *LIKELY]):
        yield _row(reason, "; also ".join(_signs(table[reason]) for table in (SURE, LIKELY) if reason in table))


def _arrows(pairs: Iterable[Sequence[str]]) -> str:
    """Return examples, grouped by file."""
    leading: dict[str, list[str]] = {}
    for name, of in pairs:
        leading.setdefault(of, []).append(name)
    return "; ".join(
        " ".join(_code(_short(name)) for name in names) + ("" if names == [of] else f" → {_code(_short(of))}")
        for of, names in leading.items()
    )


def _signs(text: str) -> str:
    return ", ".join(_code(sign.strip()) for sign in text.replace("\n", "|").split("|") if sign.strip())


def _names(names: Iterable[bytes | str]) -> str:
    return " ".join(_code(name.decode() if isinstance(name, bytes) else name) for name in names)


def _text(name: bytes) -> str:
    return name.decode().replace("\r", "\\r")


def _short(name: str) -> str:
    """Return a name with a long run of one letter shortened."""
    first = name[0]
    start = len(name) - len(name.lstrip(first))
    return name if start < 10 else f"{first * 3}…({start} characters){name[start:]}"


def _code(text: str) -> str:
    return f"`{text.replace(chr(0xF03A), 'U+F03A ').replace('|', chr(92) + '|')}`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
