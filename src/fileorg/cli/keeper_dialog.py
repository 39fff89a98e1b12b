"""The dialog of `fileorg dedupe -i`: show each group of duplicates, and read which of its files are kept."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from fileorg.cli.render import folded, short
from fileorg.core.figures import plural, size, when
from fileorg.core.names import display, scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.cli.terminal import Out
    from fileorg.workflows.keeper_selection import GroupFile, KeeperSelection, OpenGroup

KEYS = (
    ("Enter", "keep the files that are marked *, and go on"),
    ("1 3", "keep files 1 and 3 instead"),
    ("s", "skip: all files of the group stay"),
    ("b", "go back to the group before"),
    ("a", "take the suggestions for all the rest"),
    ("q", "stop choosing, and go on with what was chosen"),
    ("l", "list all files of the group"),
    ("o 2", "open file 2 in its program"),
    ("?", "show these keys"),
    ("Ctrl-C", "stop, and change nothing"),
)
WHY = {
    "clean-name": "clean name",
    "first": "first of the given folders",
    "largest-folder": "in the largest folder",
    "reference": "in a reference folder",
    "protected": "protected",
    "led-to": "a symlink leads to it",
    "preferred": "preferred",
    "companions": "belongs to a group of files",
    "path": "first by path",
}
"""The words for reasons that are no words themselves."""

_NARROW = 60
"""Below this width, the date of a file has its own line."""
_LINES = 9
"""Lines of the screen for all that is not a file."""
_FEWEST = 5


def choose_keepers(talk: Out, selection: KeeperSelection, participle: str) -> bool:
    """Let the user choose, group by group. `participle` says what happens to the other files, such as `removed`.

    Return False at the end of the input: then nothing was chosen. Raises `KeyboardInterrupt`.
    """
    talk.prose(f"{plural(selection.total, 'group')} of duplicates. Nothing is changed before the last question.")
    _show_keys(talk)
    group, is_shown = selection.first_from(), False
    while group is not None:
        if not is_shown:
            _show(talk, group, selection.total)
            is_shown = True
        match _read(talk, group):
            case None:
                talk.line()
                return False
            case ["q" | "quit"]:
                break
            case ["a" | "all"]:
                if group.chosen is None:
                    selection.keep(group, _marked(group))
                selection.take_rest()
                break
            case ["b" | "back"]:
                before = selection.before(group)
                if before is None:
                    talk.line("This is the first group.")
                group, is_shown = before or group, before is None
            case ["l" | "list"]:
                _list(talk, group)
            case ["o" | "open", number] if number in _numbers(group):
                _open(talk, group.files[int(number) - 1])
            case ["s" | "skip"]:
                group, is_shown = _keep(talk, selection, group, (), participle), False
            case []:
                group, is_shown = _keep(talk, selection, group, _marked(group), participle), False
            case words if words and all(word in _numbers(group) for word in words):
                chosen = list(dict.fromkeys(int(word) - 1 for word in words))
                group, is_shown = _keep(talk, selection, group, chosen, participle), False
            case _:
                talk.line(f"Type numbers from 1 to {len(group.files):,}, or one of these keys:")
                _show_keys(talk)
    selection.finish()
    talk.line()
    return True


def _keep(
    talk: Out, selection: KeeperSelection, group: OpenGroup, chosen: Sequence[int], participle: str
) -> OpenGroup | None:
    """Store a choice, print what it means, and return the next group."""
    removed = selection.keep(group, chosen)
    if removed:
        kept = len(group.files) - removed
        talk.prose(f"{plural(kept, 'file')} {'stays' if kept == 1 else 'stay'}, {removed:,} will be {participle}.")
    else:
        talk.line("All files of this group stay.")
    return selection.after(group)


def _marked(group: OpenGroup) -> Sequence[int]:
    """Return the files that Enter keeps: those that were chosen before, or the suggested one."""
    return (0,) if group.chosen is None else group.chosen


def _numbers(group: OpenGroup) -> _FileNumbers:
    return _FileNumbers(len(group.files))


class _FileNumbers:
    """The numbers of files, as text."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __contains__(self, word: str) -> bool:
        return word.isascii() and word.isdecimal() and len(word) < 12 and 1 <= int(word) <= self._count


def _read(talk: Out, group: OpenGroup) -> list[str] | None:
    """Return the words of an answer, None at the end of the input."""
    marked = ", ".join(f"{file + 1}" for file in _marked(group)[:3]) + (", ..." if len(_marked(group)) > 3 else "")
    enter = f"Enter keeps {marked}" if marked else "Enter skips"
    keys = "numbers, s, b, a, q, ?" if (talk.width or 80) >= _NARROW else "? for keys"
    talk.stream.write(f"{talk.styled('Keep', 'bold')} [{enter}; {keys}]: ")
    talk.flush()
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        talk.line()  # the next message starts on a new line
        raise
    return re.split(r"[\s,]+", answer.strip().lower()) if answer.strip() else [] if answer else None


# Output ---------------------------------------------------------------------------------------------------------------


def _show_keys(talk: Out) -> None:
    width = max(len(key) for key, _ in KEYS)
    for key, meaning in KEYS:
        lead = f"  {key:{width}}  "
        for line in folded(meaning, max(20, (talk.width or 80) - len(lead)), at_spaces=True):
            talk.line(lead + line)
            lead = " " * len(lead)


def _show(talk: Out, group: OpenGroup, total: int) -> None:
    talk.line()
    files = plural(len(group.files), "file")
    head = (
        f"Group {group.number:,} of {total:,}: {files} of {size(group.size)}, {size(group.freed * group.size)} wasted"
    )
    for line in folded(head, talk.width, at_spaces=True):
        talk.line(talk.styled(line, "bold"))
    for line in folded(f"In {short(_common(group)).rstrip('/')}/", talk.width):
        talk.line(line)
    room = max(_FEWEST, (talk.height or 24) - _LINES - len(KEYS) * (group.number == 1))
    lines = list(_file_lines(talk, group, room))
    shown = 0
    for at, file_lines in enumerate(lines):
        if at >= _FEWEST and shown + len(file_lines) > room:
            talk.line(f"  ... and {len(group.files) - at:,} more (l lists all)")
            break
        shown += len(file_lines)
        talk.many(file_lines)
    else:
        if len(group.files) > len(lines):
            talk.line(f"  ... and {len(group.files) - len(lines):,} more (l lists all)")
    why = ", then ".join(WHY.get(reason, reason.replace("-", " ")) for reason in group.why)
    talk.prose(f"fileorg would keep 1: {why}.")


def _list(talk: Out, group: OpenGroup) -> None:
    from fileorg.cli.pager import paged

    with paged(talk) as page:
        page.many(line for lines in _file_lines(talk, group, len(group.files)) for line in lines)


def _file_lines(talk: Out, group: OpenGroup, limit: int) -> Iterator[list[str]]:
    """Yield the lines of at most `limit` files: number, date, path, and why it stays in any case. No path is cut."""
    common = _common(group)
    marked, digits = frozenset(_marked(group)), len(str(len(group.files)))
    for at, file in enumerate(group.files[:limit]):
        lead = f"{'*' if at in marked else ' '} {at + 1:{digits}}  "
        is_narrow = talk.width is not None and talk.width < _NARROW
        note = "; ".join(_notes(file))
        path = display(file.path[len(common) :].lstrip(b"/")) + (f"  ({note})" if note else "")
        if not is_narrow:
            lead += f"{when(file.mtime_ns):16}  "
        lines = folded(path, None if talk.width is None else talk.width - len(lead))
        if is_narrow:
            lines.append(talk.styled(when(file.mtime_ns), "dim"))
        yield [lead + lines[0], *(" " * len(lead) + line for line in lines[1:])]


def _common(group: OpenGroup) -> bytes:
    """Return the folder that holds all files of a group."""
    common = os.path.commonpath([os.path.dirname(file.path) for file in group.files])
    return common.replace(b":/", b"://", 1) if scheme_of(group.files[0].path) else common  # two slashes were folded


def _notes(file: GroupFile) -> Iterator[str]:
    if file.is_link:
        yield "another name of a file above"
    if file.always_kept is not None:
        yield f"always stays: {WHY[file.always_kept]}"


def _open(talk: Out, file: GroupFile) -> None:
    import shutil
    import subprocess

    program = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if program is None:
        talk.line("No program was found that opens files (xdg-open).")
        return
    try:
        subprocess.Popen(
            [program, file.path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=os.path.dirname(file.path), start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        talk.line(f"{display(file.path)} could not be opened: {error.strerror}.")
