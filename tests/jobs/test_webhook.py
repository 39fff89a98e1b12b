"""`[jobs] webhook`: what is sent, to whom, and how it is signed."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.errors import FileorgError
from fileorg.core.state import open_state
from fileorg.jobs.notify import notify_all
from fileorg.jobs.webhook import send
from fileorg.rules.config import ConfigError
from fileorg.rules.config_file import read_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.screens import Fileorg

KEY = b"a key of thirty bytes, or more."


@contextlib.contextmanager
def receiver(status: int = 204, location: str = "") -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Run a server on the loopback; yield its URL, and what it got."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run_job(fileorg: Fileorg, folder: Path) -> None:
    (folder / "tree").mkdir()
    (folder / "tree/a.jpg").write_text("a")
    os.utime(folder / "tree/a.jpg", (1e9, 1e9))
    assert fileorg("organize", "tree").code == 0


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(KEY + b"\n")
    path.chmod(0o600)
    return path


def test_the_end_of_a_job_is_sent_and_signed(fileorg: Fileorg, tmp_path: Path, key: Path) -> None:
    run_job(fileorg, tmp_path)
    config = tmp_path / "fileorg.toml"
    with receiver() as (url, got):
        config.write_text(f'version = 1\n[jobs]\nwebhook = "{url}"\nwebhook_key = "{key}"\n')
        notify_all(open_state(str(fileorg.home).encode()), [1], str(config).encode())
    [(headers, body)] = got
    assert (json.loads(body)["job"], json.loads(body)["status"]) == (1, "done")
    assert headers["X-Signature"] == "sha256=" + hmac.new(KEY, body, hashlib.sha256).hexdigest()
    assert headers["Content-Type"] == "application/json"


def test_a_webhook_that_fails_is_a_line_in_the_log(fileorg: Fileorg, tmp_path: Path, key: Path) -> None:
    run_job(fileorg, tmp_path)
    config = tmp_path / "fileorg.toml"
    with receiver(500) as (url, _):
        config.write_text(f'version = 1\n[jobs]\nwebhook = "{url}"\nwebhook_key = "{key}"\n')
        notify_all(open_state(str(fileorg.home).encode()), [1], str(config).encode())
    assert "The webhook answered 500." in fileorg("jobs", "log", "1").out


def test_redirects_are_not_followed(key: Path) -> None:
    with receiver() as (other, stolen), receiver(307, other) as (url, got):
        with pytest.raises(FileorgError, match="answered 307"):
            send(url, str(key), b"{}", 10)
        assert (len(got), stolen) == (1, [])


def test_a_key_that_others_can_read_signs_nothing(key: Path) -> None:
    key.chmod(0o644)
    with receiver() as (url, got):
        with pytest.raises(FileorgError, match="Others can read"):
            send(url, str(key), b"{}", 10)
        assert got == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('webhook = "https://example.org"', "webhook_key is missing"),
        ('webhook_key = "/k"', "webhook is missing"),
        ('webhook = "file:///etc/passwd"\nwebhook_key = "/k"', "no URL"),
        ('webhook = "https://example.org"\nwebhook_key = "k"', "relative path"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, lines: str, said: str) -> None:
    config = tmp_path / "fileorg.toml"
    config.write_text(f"version = 1\n[jobs]\n{lines}\n")
    with pytest.raises(ConfigError, match=said):
        read_configuration(str(config).encode())


def test_limits_of_the_server_are_settings(tmp_path: Path) -> None:
    config = tmp_path / "fileorg.toml"
    config.write_text("version = 1\n[serve]\nrequests_per_minute = 7\n")
    assert read_configuration(str(config).encode()).serve == (7, 10)
    config.write_text("version = 1\n[serve]\noperations_per_hour = 0\n")
    with pytest.raises(ConfigError, match="line 3: operations_per_hour = 0 is not from 1"):
        read_configuration(str(config).encode())
