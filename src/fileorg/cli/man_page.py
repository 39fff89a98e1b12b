"""The manual as man pages, from the same sections as `--help`: `--man`, and share/man of an installation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fileorg import __version__
from fileorg.cli.commands import COMMANDS
from fileorg.cli.manual_sections import USAGE, Examples, Section, Terms, Text, sections

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = "fileorg"
_OPTION = re.compile(r"(?<![\w-])--?\w[\w-]*")
_VALUE = re.compile(r"(?<![\w<|-])[A-Z]+(?:\|[A-Z]+)*(?![\w|>])")


def name_of(ctx: Any) -> str:
    """Return the name of the page of a command: `fileorg`, `fileorg-organize` …"""
    return str(ctx.command_path).replace(" ", "-")


def source(ctx: Any) -> str:
    """Return the page of the command of a Typer context, in the language of man(7)."""
    name = name_of(ctx)
    others = [f"{PROGRAM}-{each}" for each in COMMANDS] if name == PROGRAM else [PROGRAM]
    lines = [
        f'.TH {_escaped(name.upper())} 1 "" "{PROGRAM} {__version__}" "{PROGRAM}"',
        # No hyphens that are not there, also not after .EE, and no wide gaps in a narrow terminal.
        ".nr HY 0",
        ".nh",
        ".ad l",
    ]
    for section in sections(ctx.command, ctx):
        lines += _section(section, name)
    lines += [".SH SEE ALSO", ",\n".join(rf"\fB{_escaped(each)}\fR(1)" for each in others)]
    return "\n".join(lines) + "\n"


def _section(section: Section, name: str) -> Iterator[str]:
    yield f".SH {'SYNOPSIS' if section.title == USAGE else section.title}"
    match section:
        case Text("NAME", [text]):
            yield rf"{_escaped(name)} \- {_line(text.partition(' - ')[2])}"
        case Text(title, paragraphs):
            for number, paragraph in enumerate(paragraphs):
                if number:
                    yield ".PP"
                yield _synopsis(paragraph, name) if title == USAGE else _line(paragraph)
        case Terms(_, groups):
            for group, rows in groups.items():
                if group:
                    yield f".SS {_line(group)}"
                for names, help_ in rows:
                    yield ".TP"
                    yield _marked(names) if names[:1] == "-" or names.isupper() else rf"\fB{_escaped(names)}\fR"
                    yield _line(help_)
        case Examples(_, lines):
            yield from _examples(lines)


def _synopsis(usage: str, name: str) -> str:
    return rf"\fB{_escaped(usage[: len(name)])}\fR{_marked(usage[len(name) :])}"


def _examples(lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if line.startswith("#"):
            if number:
                yield ".PP"
            yield _line(line.lstrip("# "))
        elif line:
            yield f".RS 4\n.EX\n$ {_escaped(line)}\n.EE\n.RE"


def _marked(text: str) -> str:
    """Return options in bold, and names of values in italics."""
    text = _OPTION.sub(lambda found: f"\\fB{found[0]}\\fR", _escaped(text).replace(r"\-", "-"))
    text = _VALUE.sub(lambda found: f"\\fI{found[0]}\\fR", text)
    return text.replace("-", r"\-").replace("|", r"|\:")  # where a narrow terminal may break the line


def _line(text: str) -> str:
    """Return text as one line, which is no request of the language."""
    text = _escaped(text).replace("/", r"/\:")  # where a long path may be broken
    return rf"\&{text}" if text[:1] in {".", "'"} else text


def _escaped(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("…", "...").replace("'", r"\(aq").replace("`", r"\(ga")
    return "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in text)


def show(ctx: Any) -> None:
    """Open the page in a terminal, where `man` can; else print its help. In a pipe, print its source."""
    import subprocess
    import tempfile

    from fileorg.cli.pager import paged
    from fileorg.cli.terminal import standard_output

    out = standard_output()
    if not out.is_terminal:
        out.stream.write(source(ctx))
        return
    with tempfile.NamedTemporaryFile("w", prefix=f"{name_of(ctx)}-", suffix=".1", encoding="ascii") as file:
        file.write(source(ctx))
        file.flush()
        try:
            is_shown = subprocess.run(["man", "-l", file.name], stderr=subprocess.DEVNULL, check=False).returncode == 0
        except OSError:
            is_shown = False
    if not is_shown:
        with paged(out) as view:
            view.many(ctx.get_help().splitlines())
