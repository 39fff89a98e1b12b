"""docs/left-alone.md, made of the tables in `fileorg.rules`: `python -m tests.support.left_alone` writes it anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fileorg.rules.families import FAMILIES, FOLDERS, NEEDS_ITS_NAME, PAGE_FOLDERS, PAGES, SETS, SHEETS
from fileorg.rules.grouping import STALE_NS
from fileorg.rules.ignore import SYSTEM_FILES, SYSTEM_FOLDERS, SYSTEM_PREFIXES, TOOLING, UNFINISHED, Reason
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
    """The page, as it should be."""
    return "\n".join([*_how(), *_files(), *_marks(), *_together(), *_beside(), *_folders()]) + "\n"


def _how() -> Iterator[str]:
    yield """\
# What is left alone, and what goes together

This page is made of the tables that fileorg goes by (`python -m tests.support.left_alone`); a test compares them.
`fileorg explain PATH…` says of any file what would become of it, and why. The case of names of files does not matter.

## How to say otherwise

| | |
|---|---|"""
    yield from (_row(how, what) for how, what in _OTHERWISE.items())
    yield ""


_OTHERWISE = {
    "`.fileorgignore` in any folder": "more that is left alone, from there on down, in the language of `.gitignore`",
    "`--exclude PATTERN`": "the same, for one run: it has the last word",
    "`--include PATTERN`": "only what matches; a group is taken if the file that leads it matches",
    "`--hidden`": "hidden files and folders too",
    "`--everything`": "also what is not finished or open, files of systems, projects and other whole folders; groups "
    "still go as one",
    "`--inside-project`": "also where the given folder is a part of a project, a library or a folder of settings",
}


def _files() -> Iterator[str]:
    yield f"""\
## Files that stay by their name

- **hidden**: the name starts with a dot
- **not finished**, or standing for a file that is elsewhere, by the last suffix:
  {_names(sorted(UNFINISHED))}.
  One that nobody has written to for {_DAYS} days is told as "{Reason.ABANDONED}".
- **of a system**: {_names(map(_text, sorted(SYSTEM_FILES)))}, and what starts with {_names(SYSTEM_PREFIXES)}
"""


def _marks() -> Iterator[str]:
    yield f"""\
## Files that stay since a neighbour says so

Both stay, the file and its mark, which may be a folder, or a link that leads nowhere. A lock that is older than the
start of the system is nobody's: its file is sorted. A download that nobody has gone on with for {_DAYS} days only keeps
the place of its file if that is empty.

| | why | mark → file that stays |
|---|---|---|"""
    for mark in MARKS:
        yield _row(mark.what, mark.reason, _arrows(mark.examples))
    for each in SETS:
        if each.reason is not None:
            yield _row(each.what, each.reason, _arrows(each.examples))
    yield ""


def _together() -> Iterator[str]:
    yield f"""\
## Files that go together

A group is moved as a whole or not at all. The file that leads it decides where to, by its kind and its date. If a name
is taken, all get the same number; where they name each other (sheets, checksums of several files, and
{_names(sorted(NEEDS_ITS_NAME))}), they stay instead.
If one of them is left alone, all are. Where several could lead, it is what a camera wrote, then a picture, a film, a
sound. Where none is there, each goes by itself.

| | file → file that it goes with |
|---|---|"""
    examples: dict[str, list[tuple[str, str]]] = {}
    for number, family in enumerate(FAMILIES):
        what = family.what if "same" not in family.what else f"{family.what}\0{number}"
        examples.setdefault(what, []).extend(family.examples)
    for what, pairs in examples.items():
        yield _row(what.partition("\0")[0], _arrows(pairs))
    yield """
| | parts, the one first that leads |
|---|---|"""
    for each in SETS:
        if each.reason is None:
            yield _row(each.what, "; ".join(" ".join(map(_code, names)) for names in each.examples))
    yield """
| | sheet → what it names |
|---|---|"""
    for sheet in SHEETS:
        kind = ", if these are of one kind" if sheet.of_a_kind else ""
        pairs = [(name, " ".join(named)) for name, _, named in sheet.examples]
        yield _row(sheet.what + kind, _arrows(pairs))
    yield ""


def _beside() -> Iterator[str]:
    yield f"""\
## Files that stay with a folder beside them

A page that a browser has saved ({_names(sorted(PAGES))}), and the folder of its name with one of these behind it:
{_names(PAGE_FOLDERS)};
or with any other word or none, if the page names that folder. And:

| | folder → file |
|---|---|"""
    for each in FOLDERS:
        yield _row(each.what, _arrows([(folder + "/", file) for folder, file in each.examples]))
    yield ""


def _folders() -> Iterator[str]:
    yield f"""\
## Folders that are one thing

Nothing is taken out of them, and nothing is put into them.

- **of a system or of tools**, by their name: {_names(sorted({*SYSTEM_FOLDERS, *TOOLING}))}
- **not finished**: with one of the suffixes above
- **bundles**, by their suffix: {_names(BUNDLES)}; and {_names(sorted(BUNDLE_NAMES))}
- **projects**, by a name in them: {_names(name for name in PROJECT_MARKERS if name not in VERSION_CONTROL)};
  or by a suffix: {_names(PROJECT_SUFFIXES)}
- **under version control**: {_names(VERSION_CONTROL)}

And what is known by the names in it: all of those with `+`, one of those in `{{}}`; `=_x` is the name of the first one
with `_x` instead of its suffix. What stands behind "also" may have been downloaded by itself: it counts for folders
that a run comes by, not for the one that it was given.

| | by |
|---|---|"""
    for reason in dict.fromkeys([*SURE, *LIKELY]):
        yield _row(reason, "; also ".join(_signs(table[reason]) for table in (SURE, LIKELY) if reason in table))


def _arrows(pairs: Iterable[Sequence[str]]) -> str:
    """Examples, those of one file together."""
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
    """Of a name that was cut, as much as shows it."""
    first = name[0]
    start = len(name) - len(name.lstrip(first))
    return name if start < 10 else f"{first * 3}…({start} characters){name[start:]}"


def _code(text: str) -> str:
    return f"`{text.replace(chr(0xF03A), 'U+F03A ').replace('|', chr(92) + '|')}`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
