"""`--help` as a short manual page: name, usage, description, options in groups, examples."""

from __future__ import annotations

import inspect
import re
import shlex
import sys
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from typer.core import TyperCommand, TyperGroup, TyperOption

from fileorg.cli.parameters import EVERYWHERE, MAN
from fileorg.cli.shells import PROGRAM_OPTIONS
from fileorg.cli.terminal import Out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.cli.parameters import Option

USAGE = "USAGE"
_WIDEST = 100
_NAMES = 26
"""Columns for the names of an option; longer names have their help on the next line."""

_EXIT_STATUS = [
    ("0", "done, also if there was nothing to do"),
    ("1", "some files could not be processed (each is listed)"),
    ("2", "wrong option, path or setting"),
    ("3", "no: you declined, a file needs your decision, or differences were found"),
    ("4", "another fileorg is running"),
    ("5", "refused because it could cause damage"),
    ("130", "stopped by Ctrl-C"),
]

# Notes that Typer adds to the help of an option, although help and usage already say the same.
_NOTES = re.compile(r"  \[(?:required|x>=\d+)\]|; (?:\d+<=)?x[<>]=\d+(?=\])")


class Text(NamedTuple):
    """A section of paragraphs."""

    title: str
    paragraphs: list[str]


class Terms(NamedTuple):
    """A section of names with their help, in groups by title."""

    title: str
    groups: dict[str, list[tuple[str, str]]]


class Examples(NamedTuple):
    """A section of alternating `# comments` and command lines."""

    title: str
    lines: list[str]


Section = Text | Terms | Examples


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


def sections(command: TyperCommand | TyperGroup, ctx: Any) -> list[Section]:
    """Return the manual of a command, for the terminal and for its man page."""
    summary, _, description = (command.help or "").partition("\n\n")
    found: list[Section] = [
        Text("NAME", [f"{ctx.command_path} - {_lower(summary)}"]),
        Text(USAGE, [f"{ctx.command_path} {_usage(command, ctx)}"]),
    ]
    if description.strip():
        paragraphs = inspect.cleandoc(description).split("\n\n")
        found.append(Text("DESCRIPTION", [" ".join(each.split()) for each in paragraphs]))
    if isinstance(command, TyperGroup):
        found.append(_commands(command, ctx))
    found += _options(command, ctx)
    if command.epilog:
        found.append(Examples("EXAMPLES", inspect.cleandoc(command.epilog).splitlines()))
    return [*found, Terms("EXIT STATUS", {"": _EXIT_STATUS})]


def _commands(program: TyperGroup, ctx: Any) -> Terms:
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in program.list_commands(ctx):
        command: Any = program.get_command(ctx, name)
        if not command.hidden:
            help_ = (command.help or "").partition("\n\n")[0]
            groups.setdefault(command.rich_help_panel or "", []).append((name, " ".join(help_.split())))
    return Terms("COMMANDS", groups)


def _options(command: TyperCommand | TyperGroup, ctx: Any) -> list[Section]:
    arguments: list[tuple[str, str]] = []
    groups: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is None:
            continue
        names, help_ = record[0], _NOTES.sub("", record[1])
        if param.param_type_name == "argument":
            arguments.append((names, help_))
        else:
            groups.setdefault(getattr(param, "rich_help_panel", None) or "General", []).append((names, help_))
    if "General" in groups:
        groups["General"] = groups.pop("General")  # last
    found = [Terms("ARGUMENTS", {"": arguments})] if arguments else []
    return [*found, Terms("OPTIONS", groups)]


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


def _usage(command: TyperCommand | TyperGroup, ctx: Any) -> str:
    if isinstance(command, TyperGroup):
        return "COMMAND [OPTIONS] …"
    pieces = ["[OPTIONS]"]
    for param in command.get_params(ctx):
        if param.param_type_name == "argument":
            name = param.make_metavar(ctx)
            name = name if param.required else f"[{name}]"
            pieces.append(f"{name}…" if param.nargs == -1 else name)
    return " ".join(pieces)


def _lower(summary: str) -> str:
    text = " ".join(summary.split()).rstrip(".")
    return text[:1].lower() + text[1:]


def example_words(text: str) -> list[list[str]]:
    """Return the command lines of examples as words, for tests that parse their options."""
    return [shlex.split(line) for line in inspect.cleandoc(text).splitlines() if line and not line.startswith("#")]
