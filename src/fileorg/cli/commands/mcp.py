"""`fileorg mcp`: a server for assistants."""

import os
from enum import StrEnum
from typing import Annotated

from fileorg.cli import options as shared
from fileorg.cli.face import become, check_installed
from fileorg.cli.parameters import Option
from fileorg.core.errors import ErrorCode, UsageError

EXAMPLES = """
# An assistant may read one folder, and change nothing
fileorg mcp --root ~/Downloads

# It may change up to 200 files at a time; you approve larger plans
fileorg mcp --root ~/Downloads --allow-changes --max-changes 200

# You approve each plan in a terminal
fileorg mcp --root ~/Downloads --allow-changes --approve always
"""


class Approve(StrEnum):
    """Which plans wait for the person."""

    ALWAYS = "always"
    LARGE = "large"
    NEVER = "never"


Roots = Annotated[
    list[str] | None,
    Option(
        "--root",
        metavar="DIR",
        help="A folder that the assistant may use. No other exists for it. May be repeated.",
        show_default=False,
    ),
]
AllowChanges = Annotated[
    bool, Option("--allow-changes", help="Let the assistant carry out plans. Without it, the server only reads.")
]
MaxChanges = Annotated[
    int,
    Option("--max-changes", min=1, metavar="N", help="Plans of more than N files wait for you.", show_default=True),
]
ApproveOption = Annotated[
    Approve,
    Option(
        "--approve",
        help="Which plans wait for fileorg jobs approve in a terminal: all, those of more than --max-changes files, or"
        " none: then larger plans are refused.",
    ),
]


def mcp(
    root: Roots = None,
    allow_changes: AllowChanges = False,
    max_changes: MaxChanges = 500,
    approve: ApproveOption = Approve.LARGE,
    config: shared.Config = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Let an assistant plan in your folders, and keep the changes undoable.

    The server speaks the Model Context Protocol over standard input and output; a client such as Claude Desktop starts
    it. The assistant looks, proposes plans, and carries out those that you allow. Each is checked, journaled and undone
    like any other: see fileorg history. No tool overwrites a file or deletes it for good.

    It needs pip install 'fileorg[mcp]'.
    """
    import json
    import sys

    from fileorg.cli.terminal import standard_error
    from fileorg.core.names import display
    from fileorg.workflows.guards import existing_folder, refuse_system

    if not root:
        raise UsageError(
            "No folder is named: an assistant may use only folders that you name.",
            hint="fileorg mcp --root ~/Downloads",
            code=ErrorCode.MISSING_ARGUMENT,
        )
    state = shared.state(state_dir)
    roots = [existing_folder(os.fsencode(path)) for path in root]
    for path in roots if allow_changes else ():
        refuse_system(path, display(path), state)
    os.environb[b"FILEORG_HOME"] = state.path
    if config is not None:
        os.environ["FILEORG_CONFIG"] = os.path.abspath(config)
    settings = {
        "roots": [os.fsdecode(path) for path in dict.fromkeys(roots)],
        "allow_changes": allow_changes,
        "max_changes": max_changes,
        "approve": str(approve),
    }
    check_installed("mcp", "mcp")
    if sys.stdin.isatty():
        err = standard_error()
        err.prose("A client starts this server, and speaks to it: see docs/assistants.md. Ctrl-C ends it.", "fileorg: ")
        err.flush()
    become("mcp", [json.dumps(settings)])
