"""`fileorg serve`: a page and an API on this machine."""

import os
from typing import TYPE_CHECKING, Annotated

from fileorg.cli import options as shared
from fileorg.cli import values
from fileorg.cli.face import become, check_installed
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import ErrorCode, UsageError

if TYPE_CHECKING:
    from fileorg.rules.config import Configuration

EXAMPLES = """
# A page for one folder
fileorg serve ~/Downloads

# For scripts, through a socket that only you can use
fileorg serve ~/Downloads --socket ~/fileorg.sock --no-open
"""

Roots = Annotated[
    list[str] | None,
    Argument(
        metavar="PATH",
        help="The folders that the page may change. Default: those of the profiles in the configuration.",
        show_default=False,
    ),
]
Port = Annotated[
    int | None,
    Option("--port", metavar="N", min=1, max=65535, help="The port. Default: a free one.", show_default=False),
]
Socket = Annotated[
    str | None,
    Option("--socket", metavar="FILE", help="Listen on a new socket FILE (mode 0600) instead of a port."),
]
NoOpen = Annotated[bool, Option("--no-open", help="Only print the link, and open no browser.")]


def serve(
    paths: Roots = None,
    port: Port = None,
    socket: Socket = None,
    no_open: NoOpen = False,
    config: shared.Config = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Open a page that does with a mouse what the commands do.

    The page makes plans, shows them, carries them out and takes them back, with the same journal and the same undo. It
    is served on this machine only (127.0.0.1), and only the folders that you name can be changed. The link works once,
    within 60 seconds; press Enter for another one, and Ctrl-C to stop. Jobs that run go on without the server.

    The API is for scripts, too: they send the token in serve.token of the state directory.
    """
    from fileorg.workflows.guards import existing_folder

    if port is not None and socket is not None:
        raise UsageError("--port and --socket cannot be combined.", hint="drop one of them")
    configured = values.configuration(config, with_rules=False)
    roots = [existing_folder(os.fsencode(path)) for path in paths or _profile_roots(configured)]
    if not roots:
        raise UsageError(
            "No folder is named.", hint="for example: fileorg serve ~/Downloads", code=ErrorCode.MISSING_ARGUMENT
        )
    words = ["--state-dir", os.fsdecode(shared.state(state_dir).path)]
    words += ["--no-open"] if no_open else []
    if configured is not None:
        words += ["--requests", str(configured.serve.requests_per_minute)]
        words += ["--operations", str(configured.serve.operations_per_hour)]
    words += [] if port is None else ["--port", str(port)]
    words += [] if socket is None else ["--socket", socket]
    words += [] if config is None else ["--config", config]
    check_installed("serve", "starlette")
    become("serve", [*words, "--", *map(os.fsdecode, roots)])


def _profile_roots(configured: "Configuration | None") -> list[str]:
    """Return the folders of all profiles, each once."""
    profiles = () if configured is None else configured.profiles.values()
    return list(dict.fromkeys(os.path.expanduser(root) for profile in profiles for root in profile.roots))
