"""Starts the server: `python -m fileorg.mcp SETTINGS`, as `fileorg mcp` does once it has checked its options."""

import gc
import signal
import sys


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # it has nothing to save: what it began goes on without it
    gc.disable()  # the types of the protocol are a hundred thousand objects, and all of them stay
    from fileorg.mcp.server import serve
    from fileorg.mcp.settings import settings_of

    gc.freeze()
    gc.enable()
    return serve(settings_of(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
