"""The server: `python -m fileorg.serve`, which `fileorg serve` becomes once it has checked its options."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import os
import signal
import socket
import stat
import sys
import webbrowser
from typing import TYPE_CHECKING

import uvicorn

from fileorg.core.confinement import AllowedFolder, confined_to
from fileorg.core.errors import ErrorCode, FileorgError, UsageError
from fileorg.core.names import display
from fileorg.core.state import default_config_path, open_state
from fileorg.journal.connection import check_once
from fileorg.serve.application import application
from fileorg.serve.guard import BODY_SECONDS
from fileorg.serve.served import Served
from fileorg.serve.sessions import Sessions, read_token
from fileorg.workflows.guards import existing_folder
from fileorg.workflows.roots import allowed_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST = "127.0.0.1"
_BACKLOG = 1100
_MOST_MESSAGE = 1024


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fileorg.serve", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--socket")
    parser.add_argument("--no-open", action="store_true")
    parser.add_argument("--state-dir")
    parser.add_argument("--config")
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--operations", type=int, default=10)
    parser.add_argument("--body-seconds", type=float, default=BODY_SECONDS)
    parser.add_argument("roots", nargs="+")
    return parser.parse_args(words)


def listening(port: int) -> socket.socket:
    """Return a socket that listens on this machine only. Raises `UsageError` if the port is taken."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, port))
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise UsageError(
            f"Port {port} of this machine cannot be used: {error.strerror}.",
            hint="choose another one, or drop --port: fileorg serve finds a free one",
            code=ErrorCode.BAD_VALUE,
        ) from error
    return found


def listening_file(path: bytes) -> socket.socket:
    """Return a socket in the file system that only this user can use. Raises `UsageError` if it cannot be made."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        if _is_left_over(path):
            os.unlink(path)
        found.bind(path)
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise UsageError(
            f"The socket {display(path)} could not be made: {error.strerror or error}.",
            hint="remove the file, or choose another one"
            if error.errno == errno.EADDRINUSE
            else "choose a short path in a folder that exists",
            code=ErrorCode.OUTPUT_UNUSABLE,
            path=path,
        ) from error
    finally:
        os.umask(before)
    return found


def _is_left_over(path: bytes) -> bool:
    """Return whether a path is a socket at which nobody listens: its server was killed."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.setblocking(False)  # a program that stands still may have no room for another one
            asking.connect(path)
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _allowed(root: bytes) -> AllowedFolder:
    """Return a root of this server as it is now; it stays open as long as the server runs. Raises `UsageError`."""
    existing_folder(root)
    return allowed_folder(root)[0]


class _Server(uvicorn.Server):
    """A server that prints its link once it answers, and another one each time Enter is pressed."""

    def __init__(self, config: uvicorn.Config, sessions: Sessions, address: str, *, opens: bool) -> None:
        super().__init__(config)
        self._sessions, self._address, self._opens = sessions, address, opens

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        link = self._say_link()
        if self._opens and self._address:
            asyncio.get_running_loop().run_in_executor(None, _open_browser, link)
        if sys.stdin is not None and sys.stdin.isatty():
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._another)

    def _say_link(self) -> str:
        link = f"{self._address or 'http://localhost'}/login?code={self._sessions.new_code()}"
        sys.stdout.write(f"{link}\n")
        sys.stdout.flush()
        return link

    def _another(self) -> None:
        if os.read(sys.stdin.fileno(), 1024):
            self._say_link()
        else:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())


def _open_browser(link: str) -> None:
    with contextlib.suppress(webbrowser.Error, OSError):
        if webbrowser.open(link):
            return
    sys.stderr.write("No browser could be opened: open the link yourself.\n")


def serve(words: Sequence[str]) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises `FileorgError`."""
    given = _parsed(words)
    state = open_state(None if given.state_dir is None else os.fsencode(given.state_dir))
    configuration = default_config_path() if given.config is None else os.path.abspath(os.fsencode(given.config))
    roots = tuple(dict.fromkeys(os.path.realpath(os.fsencode(root)) for root in given.roots))
    # Commands and jobs inherit it: they refuse any other folder by its descriptor, whatever a path leads to by then.
    os.environ.update(confined_to([_allowed(root) for root in roots]))
    check_once()
    served = Served(state, roots, configuration, given.operations, given.requests)
    sessions = Sessions(read_token(state), given.requests, given.operations)
    if given.socket is not None:
        path = os.path.abspath(os.fsencode(given.socket))
        listens, address, cookie = listening_file(path), "", "fileorg-socket"
        hosts = frozenset({"localhost"})
    else:
        path = None
        listens = listening(given.port)
        port = listens.getsockname()[1]
        address, cookie = f"http://{HOST}:{port}", f"fileorg-{port}"
        hosts = frozenset({f"{HOST}:{port}", f"localhost:{port}"})
    config = uvicorn.Config(
        application(served, sessions, hosts, cookie, given.body_seconds),
        ws="websockets-sansio",
        ws_max_size=_MOST_MESSAGE,
        ws_per_message_deflate=False,
        http="h11",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=3,
        lifespan="on",
    )
    sys.stdout.write(f"Serving {', '.join(map(display, roots))} until Ctrl-C. This link works once, for 60 seconds:\n")
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # uvicorn raises the signal again once it has ended
        with contextlib.suppress(KeyboardInterrupt):  # it has ended in order by then
            _Server(config, sessions, address, opens=not given.no_open).run([listens])
        sys.stdout.write("Stopped. Jobs that run go on: fileorg jobs lists them.\n")
    finally:
        listens.close()
        if path is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def main() -> None:
    """Serve, and say an error as every command does."""
    try:
        serve(sys.argv[1:])
    except FileorgError as error:
        sys.stderr.write(f"fileorg: {error}\n" + (f"Hint: {error.hint}\n" if error.hint else ""))
        sys.exit(int(error.exit_code))


if __name__ == "__main__":
    main()
