"""A session with the program as text: each command, its exit code, and its output, with variable parts masked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from tests.cli.screens import Fileorg

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LINES = 200
"""The height of the terminal, so that nothing scrolls away."""
_VARYING = (
    (re.compile(r"\bin \d+\.\d\d s\b"), "in 0.00 s"),
    (re.compile(r", \d+\.\d\d s\b"), ", 0.00 s"),
    (re.compile(r"^\d+\.\d\d s$", re.MULTILINE), "0.00 s"),
    (re.compile(r" \(\d[\d,]* files/s\)"), ""),  # omitted if the time is too short
    (re.compile(r"^Speed\n[\d,]+\nfiles/s\n.*/s\n", re.MULTILINE), ""),  # omitted if the time is too short
    (re.compile(r"\bprocess \d+"), "process 1"),
    (re.compile(r'("(?:elapsed_)?seconds"): \d+\.\d+'), r"\1: 0.0"),
    (re.compile(r'"(inode|device)": \d+'), r'"\1": 0'),
    (re.compile(r"\(\d+\.\d KB\)\.$", re.MULTILINE), "(0.0 KB)."),  # the size of a page, after its name
)


_ROWS = re.compile(r"(?:^    \{.*\},?(?:\n(?=    \{)|$))+", re.MULTILINE)
"""Rows of JSON, one per line."""
_LISTED = re.compile(r"(?:^.*(?: -> | removed\b).*\n)+", re.MULTILINE)
"""Lists on a terminal, in the order of the disk."""


class Session:
    """Commands in one home directory, `~`, and what they print."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.program = Fileorg(home / "state", home)
        self._parts: list[str] = []

    def run(self, *words: str, in_order: bool = True, **environment: str) -> None:
        """Run a command through pipes. Lines in the order of the disk are sorted, unless `in_order`."""
        ran = self.program.inside(*words, HOME=str(self.home), **environment)
        out = ran.out if in_order else _sorted(ran.out)
        self._keep(words, ran.code, out + _marked("err| ", ran.err), environment)

    def terminal(self, *words: str, answers: Iterable[str] = (), colour: bool = False, **environment: str) -> None:
        """Run a command in a terminal of 80 columns, and answer its questions."""
        if not colour:
            environment = {"NO_COLOR": "1", **environment}
        terminal = self.program.terminal(*words, columns=80, lines=_LINES, HOME=str(self.home), **environment)
        for asked, answer in enumerate(answers, start=1):
            terminal.wait_for("[y/N", times=asked)
            terminal.send(f"{answer}\n")
        code = terminal.end()
        screen = terminal.styled_screen if colour else terminal.screen
        listed = _LISTED.sub(lambda lines: "".join(sorted(lines[0].splitlines(keepends=True))), screen)
        self._keep(words, code, listed, environment)

    def page(self, path: str) -> None:
        """Keep the texts of an HTML page."""
        texts = _Texts()
        texts.feed((self.home / path).read_text())
        self._parts.append(f"# {path}\n" + self._masked("\n".join(texts.lines)))

    def text(self) -> str:
        self.program.close()
        return "\n\n".join(self._parts) + "\n"

    def _keep(self, words: Iterable[str], code: int, output: str, environment: dict[str, str]) -> None:
        before = "".join(f"{name}={value} " for name, value in environment.items() if name != "NO_COLOR")
        command = " ".join(f"'{word}'" if not word or set(word) & set(" {}*") else word for word in words)
        shown = f"$ {before}fileorg {command}\n{output.rstrip()}".rstrip()
        self._parts.append(self._masked(f"{shown}\n[exit code {code}]"))

    def _masked(self, text: str) -> str:
        text = text.replace(str(self.home), "/home/you")
        now = datetime.now().astimezone()
        for day in (now, now - timedelta(minutes=5), now.astimezone(UTC), now.astimezone(UTC) - timedelta(minutes=5)):
            today = day.strftime("%Y-%m-%d")
            text = re.sub(today + r"([T ])\d\d:\d\d(?!:\d)", r"2026-01-01\g<1>12:00", text)
            text = re.sub(today + r"T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "2026-01-01T12:00:00Z", text)
            text = text.replace(today, "2026-01-01")
        for pattern, instead in _VARYING:
            text = pattern.sub(instead, text)
        return text


class _Texts(HTMLParser):
    """Collects the text of a page, and attributes that are shown or read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"script", "style"}
        self.lines += [value for name, value in attrs if name in {"aria-label", "placeholder", "title"} and value]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._hidden and (text := " ".join(data.split())):
            self.lines.append(text)


def _sorted(text: str) -> str:
    """Return text with consecutive rows of JSON sorted, or in other text, the lines of each paragraph."""
    if "\n    {" not in text:
        return "\n\n".join("\n".join(sorted(block.split("\n"))) for block in text.rstrip("\n").split("\n\n")) + "\n"
    return _ROWS.sub(lambda rows: ",\n".join(sorted(row.rstrip(",") for row in rows[0].split("\n"))), text)


def _marked(lead: str, text: str) -> str:
    return "".join(f"{lead}{line}\n" for line in text.splitlines())
