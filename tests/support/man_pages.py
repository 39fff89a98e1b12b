"""All man pages, as they are installed."""

from __future__ import annotations

from typing import Any

import typer

from fileorg.cli.commands import COMMANDS
from fileorg.cli.man_page import PROGRAM, name_of, source
from fileorg.cli.program import program


def pages() -> dict[str, str]:
    """Return the source of each man page by its name."""
    group: Any = typer.main.get_command(program())
    above = group.make_context(PROGRAM, [], resilient_parsing=True)
    contexts = [above]
    contexts += [group.commands[name].make_context(name, [], above, resilient_parsing=True) for name in COMMANDS]
    return {name_of(ctx): source(ctx) for ctx in contexts}
