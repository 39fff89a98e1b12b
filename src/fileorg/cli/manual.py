"""`--help` as a short manual page: name, usage, description, options in groups, examples."""

from __future__ import annotations

import inspect
import re
import shlex
import sys
import textwrap
from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption

from fileorg.cli.terminal import COLOUR, WHEN, Out

_WIDEST = 100
_NAMES = 26
"""Columns for the names of an option; longer names have their help on the next line."""

_DEBUG = "Show a traceback on errors."
_COLOUR = "Use colours in a terminal, always, or never; NO_COLOR and FORCE_COLOR are respected."
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


class ManualCommand(TyperCommand):
    """A command with `--debug`, whose epilog is its examples: alternating comments and command lines."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        # Declared for --help only: the error handler searches the raw words, because parsing itself may fail.
        self.params.append(TyperOption(param_decls=["--debug"], is_flag=True, expose_value=False, help=_DEBUG))
        self.params.append(
            TyperOption(param_decls=[COLOUR], expose_value=False, help=_COLOUR, metavar=f"<{'|'.join(WHEN)}>")
        )

    def format_help(self, ctx: Any, formatter: Any) -> None:
        page = _Page()
        summary, _, description = (self.help or "").partition("\n\n")
        page.section("NAME", f"{ctx.command_path} - {_lower(summary)}")
        page.section("USAGE", f"{ctx.command_path} {_usage(self, ctx)}")
        page.section("DESCRIPTION", description)
        page.options(self, ctx)
        page.examples(self.epilog)
        page.groups("EXIT STATUS", {"": _EXIT_STATUS})
        formatter.write(page.text())


class ManualGroup(TyperGroup):
    """The program itself, with its commands by purpose."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        page = _Page()
        summary, _, description = (self.help or "").partition("\n\n")
        page.section("NAME", f"{ctx.command_path} - {_lower(summary)}")
        page.section("USAGE", f"{ctx.command_path} COMMAND [OPTIONS] …")
        page.section("DESCRIPTION", description)
        groups: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            if not command.hidden:
                help_ = (command.help or "").partition("\n\n")[0]
                groups.setdefault(command.rich_help_panel or "", []).append((name, " ".join(help_.split())))
        page.groups("COMMANDS", groups)
        page.options(self, ctx)
        page.examples(self.epilog)
        page.groups("EXIT STATUS", {"": _EXIT_STATUS})
        formatter.write(page.text())


class _Page:
    """Collects the sections of a page."""

    def __init__(self) -> None:
        self._out = Out(sys.stdout)
        self._width = min(_WIDEST, self._out.width or 80)
        self._lines: list[str] = []

    def text(self) -> str:
        return "\n".join(self._lines).strip("\n") + "\n"

    def _title(self, title: str) -> None:
        self._lines += ["", self._out.styled(title, "bold")]

    def section(self, title: str, text: str) -> None:
        if not text.strip():
            return
        self._title(title)
        paragraphs = inspect.cleandoc(text).split("\n\n")
        for number, paragraph in enumerate(paragraphs):
            if number:
                self._lines.append("")
            self._fill(" ".join(paragraph.split()), 4)

    def groups(self, title: str, groups: dict[str, list[tuple[str, str]]]) -> None:
        if not groups:
            return
        self._title(title)
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

    def options(self, command: TyperCommand | TyperGroup, ctx: Any) -> None:
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
        self.groups("ARGUMENTS", {"": arguments} if arguments else {})
        self.groups("OPTIONS", groups)

    def examples(self, text: str | None) -> None:
        """Add `# comment` lines and the command lines below them."""
        if not text:
            return
        self._title("EXAMPLES")
        for line in inspect.cleandoc(text).splitlines():
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


def _usage(command: TyperCommand, ctx: Any) -> str:
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
