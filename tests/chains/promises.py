"""Promises of single commands beside keeping every file, checked for commands that nothing disturbed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tests.chains.names import TRASH, is_temporary

from fileorg.core.formats import exact
from fileorg.core.names import display
from fileorg.rules.ignore import IGNORE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.chains.plans import Row
    from tests.chains.view import View


def of_apply(rows: Sequence[Row], code: int, before: View, after: View) -> list[str]:
    """Return which rows of a plan are not carried out, although it ended with 0, or partly, although it was refused."""
    if code in {2, 5}:
        return [] if before.nodes == after.nodes else ["a plan that was refused has changed something"]
    return [why for row in rows if (why := _missed(row, rows, before, after))] if code == 0 else []


def _missed(row: Row, rows: Sequence[Row], before: View, after: View) -> str:
    if row.action == "trash":
        return f"apply: {display(row.path)} is still there" if row.path in after.nodes else ""
    own = {other.path for other in rows if other is not row}
    for path, node in before.nodes.items():
        inside = path.removeprefix(row.path)
        if path in own or not path.startswith(row.path) or (inside and not inside.startswith(b"/")):
            continue
        now = after.nodes.get(row.new_path + inside)
        if now is None:
            return f"apply: {display(row.new_path + inside)} is not there"
        if row.action != "symlink" and (now.kind, now.content) != (node.kind, node.content):
            return f"apply: {display(row.new_path + inside)} is another than {display(path)}"
    return ""


def of_copies(what: str, code: int, card: bytes, places: Sequence[bytes], view: View) -> list[str]:
    """Return why the answer of `import` or `compare`, whether all content of `card` is in the places, is wrong."""
    there = {content for place in places for _, content in _contents(place, view)}
    missing = [path for path, content in _contents(card, view) if content not in there]
    if code == 0 and missing:
        return [f"{what} ends with 0, but the content of {display(missing[0])} is nowhere else"]
    return [f"{what} ends with 3, but all content is there"] if code == 3 and not missing else []


def of_certificate(file: str, base: Callable[[bytes], bytes | None], view: View) -> list[str]:
    """Return which lines of a certificate are wrong; `base` translates an absolute path to one of the view."""
    try:
        with open(file) as opened:
            certificate = json.load(opened)
    except FileNotFoundError:
        return ["import ends with 0, but there is no certificate"]
    wrong = [] if certificate["certificate"]["is_complete"] else ["import ends with 0, with a certificate that says no"]
    return wrong + [why for line in certificate["contents"] if (why := _untrue(line, base, view))]


def _untrue(line: dict[str, Any], base: Callable[[bytes], bytes | None], view: View) -> str:
    path, place = (base(exact(key, line)) for key in ("path", "new_path"))
    one, other = view.nodes.get(path or b""), view.nodes.get(place or b"")
    if one is None or other is None or one.content != other.content:
        return f"the certificate is wrong about {line['path']}"
    return ""


def _contents(folder: bytes, view: View) -> list[tuple[bytes, bytes]]:
    return [
        (path, node.content)
        for path, node in view.nodes.items()
        if path.startswith(folder + b"/") and node.kind == "file" and node.content
        if TRASH not in path and not is_temporary(path) and os.path.basename(path) != IGNORE_FILE
    ]


def is_doubtful(view: View) -> bool:
    """Return whether files of fileorg itself are there, which count or not by their names."""
    return any(is_temporary(path) or b"/.fileorg/" in path for path in view.nodes)


def remove(file: str) -> None:
    """Remove the file of an earlier certificate."""
    if os.path.exists(file):
        os.unlink(file)
