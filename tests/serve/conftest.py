"""A real server in its own process, and clients that say exactly what they want to."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from websockets.sync.client import connect, unix_connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from websockets.sync.client import ClientConnection

V1 = "/api/v1"
_PATIENCE_SECONDS = 60


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    """HTTP through a socket in the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_PATIENCE_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PATIENCE_SECONDS)
        self.sock.connect(str(self._path))


class Server:
    """A server that serves `folder / "root"`."""

    def __init__(self, folder: Path, *words: str, opens: bool = False, **changes: str) -> None:
        self.folder, self.root, self.state = folder, folder / "root", folder / "state"
        self.root.mkdir(exist_ok=True)
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FILEORG")},
            "FILEORG_HOME": str(self.state), "XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder), **changes,
        }  # fmt: skip
        self._options = [*words] if opens else ["--no-open", *words]
        self.port = 0
        self.cookie = ""
        self.start()

    def start(self) -> None:
        """Start the server, and read its first link."""
        self.errors = (self.folder / "errors").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fileorg.serve", *self._options, "--", str(self.root)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, env=self.environment, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"http://(?:127\.0\.0\.1:(\d+)|localhost)/login\?code=(\S+)", line):
                self.port, self.code = int(found[1] or 0), found[2]
                break
        else:
            raise AssertionError((self.folder / "errors").read_text())
        self.token = (self.state / "serve.token").read_text().strip()

    def command(self, *words: object) -> None:
        """Run a command of fileorg beside the server."""
        line = [sys.executable, "-m", "fileorg", *map(str, words)]
        subprocess.run(line, env=self.environment, check=True)

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def close(self) -> None:
        """End the server as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(_PATIENCE_SECONDS)
            finally:
                self.process.kill()
        self._end()

    def _end(self) -> None:
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_SECONDS)

    def raw(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Send exactly these headers, and `Host` if it is not one of them."""
        connection = self.connection()
        try:
            connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask as a script does."""
        content = None if body is None else json.dumps(body).encode()
        return self.raw(method, V1 + path, {"Authorization": f"Bearer {self.token}", **headers}, content)

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, answer
        return answer.json

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.ask("POST", path, body or {})
        assert answer.status in {200, 201, 202}, answer
        return answer.json

    def login(self, code: str | None = None) -> str:
        """Exchange the link, and return the cookie."""
        answer = self.raw("GET", f"/login?code={code or self.code}", {})
        assert answer.status == 200, answer
        return answer.headers["set-cookie"].partition(";")[0]

    def events(self, path: str, **headers: str) -> ClientConnection:
        """Open a WebSocket as a script does."""
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        return connect(f"ws://{self.host}{V1}{path}", additional_headers=sent, compression=None, proxy=None)

    def until(self, path: str) -> Any:
        """Follow a job or a run, and return its last state."""
        with self.events(path) as events:
            for text in events:
                found = json.loads(text)
                if found["last"]:
                    return found
        raise AssertionError(path)

    def ended(self, begun: Any) -> Any:
        """Follow a run that was begun, and return it at its end."""
        return self.until(f"/runs/{begun['run']}/events")["run"]

    def plan(self, kind: str = "organize", **more: Any) -> Any:
        """Make a plan, and return what `GET /plans/{job}` says."""
        begun = self.post("/plans", {"kind": kind, "paths": [{"path": str(self.root)}], **more})
        ended = self.ended(begun)
        assert ended["status"] == "done", ended
        return self.get(f"/plans/{ended['answer']['job']}")

    def rows(self, job: int) -> list[Any]:
        return list(self.get(f"/plans/{job}/rows?limit=1000")["rows"])

    def carry_out(self, plan: Any) -> Any:
        """Carry a plan out, and return its job at the end."""
        self.post(f"/jobs/{plan['job']}/approve", {"version": plan["version"]})
        return self.until(f"/jobs/{plan['job']}/events")["job"]


class UnixServer(Server):
    """A server on a socket in the file system."""

    def connection(self) -> http.client.HTTPConnection:
        return UnixConnection(self.folder / "sock")

    def events(self, path: str, **headers: str) -> ClientConnection:
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        return unix_connect(
            str(self.folder / "sock"), f"ws://localhost{V1}{path}", additional_headers=sent, compression=None
        )


def mess(root: Path) -> None:
    """Fill a folder with files that are old enough to move."""
    for name in ("a.jpg", "b.pdf", "c.mp3", "d.txt", "e.png"):
        (root / name).write_text(name)
    settle(root)


def settle(root: Path) -> None:
    """Make all files of a folder look old."""
    old = time.time() - 86400
    for path in root.rglob("*"):
        with contextlib.suppress(OSError):
            os.utime(path, (old, old), follow_symlinks=False)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tests of a module share, with one operation: for requests that change nothing."""
    server = Server(tmp_path_factory.mktemp("served"), "--requests", "100000")
    server.cookie = server.login()  # at once: a link works for a minute
    (server.root / "first.jpg").write_text("first")
    settle(server.root)
    server.carry_out(server.plan())
    mess(server.root)
    yield server
    server.close()


@pytest.fixture(scope="module")
def cookie(shared: Server) -> str:
    """The cookie of a browser that has opened the link of the shared server."""
    return shared.cookie


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with a messy folder."""
    found = Server(tmp_path, "--requests", "100000", "--operations", "1000")
    mess(found.root)
    yield found
    found.close()
