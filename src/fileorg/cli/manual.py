"""`--help` as a short manual page: name, usage, description, options in groups, examples."""

from __future__ import annotations

import inspect
import shlex
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup, TyperOption

from fileorg.cli.manual_sections import Examples, Section, Terms, Text, sections
from fileorg.cli.parameters import EVERYWHERE, MAN
from fileorg.cli.shells import PROGRAM_OPTIONS
from fileorg.cli.terminal import Out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.cli.parameters import Option

_WIDEST = 100
_NAMES = 26
"""Columns for the names of an option; longer names have their help on the next line."""


class ManualCommand(TyperCommand):
    """A command with the options of all commands. Its epilog is its examples: comments and command lines."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        _declare(self, EVERYWHERE)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_Page().text(sections(self, ctx)))


class ManualGroup(TyperGroup):
    """The program itself, with its commands by purpose."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        _declare(self, (*PROGRAM_OPTIONS, *EVERYWHERE))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_Page().text(sections(self, ctx)))


def _declare(command: TyperCommand | TyperGroup, options: Iterable[Option]) -> None:
    """Declare options for the help. Only `--man` is handled by Typer: the others are found in the raw words, because
    parsing itself may fail.
    """
    for option in options:
        details: Any = option.details | ({} if "metavar" in option.details else {"is_flag": True})
        if MAN in option.names:
            details |= {"is_eager": True, "callback": _show_man_page}
        command.params.append(TyperOption(param_decls=list(option.names), expose_value=False, **details))


def _show_man_page(ctx: Any, _: Any, value: object) -> None:
    if value and not ctx.resilient_parsing:
        from fileorg.cli import man_page

        man_page.show(ctx)
        ctx.exit()


class _Page:
    """Sets the sections of a manual for the width of the terminal."""

    def __init__(self) -> None:
        self._out = Out(sys.stdout)
        self._width = min(_WIDEST, self._out.width or 80)
        self._lines: list[str] = []

    def text(self, manual: list[Section]) -> str:
        for section in manual:
            self._title(section.title)
            match section:
                case Text():
                    self._paragraphs(section.paragraphs)
                case Terms():
                    self._groups(section.groups)
                case Examples():
                    self._examples(section.lines)
        return "\n".join(self._lines).strip("\n") + "\n"

    def _title(self, title: str) -> None:
        self._lines += ["", self._out.styled(title, "bold")]

    def _paragraphs(self, paragraphs: list[str]) -> None:
        for number, paragraph in enumerate(paragraphs):
            if number:
                self._lines.append("")
            self._fill(paragraph, 4)

    def _groups(self, groups: dict[str, list[tuple[str, str]]]) -> None:
        widest = max(len(names) for rows in groups.values() for names, _ in rows)
        for number, (group, rows) in enumerate(groups.items()):
            if number:
                self._lines.append("")
            if group:
                self._lines.append("  " + self._out.styled(group, "bold"))
            for names, help_ in rows:
                self._pair(names, help_, min(widest, _NAMES))

    def _pair(self, names: str, help_: str, column: int) -> None:
        """Add names and help side by side, or one above the other if the terminal is narrow or the names are long."""
        if self._width < 60 and column > 8:
            self._lines.append(f"    {names}")
            self._fill(help_, 8)
            return
        indent = 4 + column + 2
        lines = textwrap.wrap(help_, self._width - indent, break_on_hyphens=False) or [""]
        if len(names) > column:
            self._lines.append(f"    {names}")
        else:
            self._lines.append(f"    {names:{column}}  {lines.pop(0)}".rstrip())
        self._lines += [" " * indent + line for line in lines]

    def _examples(self, lines: list[str]) -> None:
        for line in lines:
            if line.startswith("#"):
                self._fill(line.lstrip("# "), 4)
            elif line:
                self._lines.append("      " + self._out.styled(f"$ {line}", "cyan"))
            else:
                self._lines.append("")

    def _fill(self, text: str, indent: int) -> None:
        pad = " " * indent
        self._lines += textwrap.wrap(
            text, max(self._width, 20), initial_indent=pad, subsequent_indent=pad, break_on_hyphens=False
        )


def example_words(text: str) -> list[list[str]]:
    """Return the command lines of examples as words, for tests that parse their options."""
    return [shlex.split(line) for line in inspect.cleandoc(text).splitlines() if line and not line.startswith("#")]
