"""The sections of the manual of a command: the same for `--help` and for its man page."""

from __future__ import annotations

import inspect
import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

from fileorg.core.tuples import NamedTuple

USAGE = "USAGE"
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
