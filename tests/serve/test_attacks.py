"""Attacks on the server: each is refused, and says nothing of files."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from tests.serve.conftest import V1, Server, UnixServer
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from fileorg.core.confinement import AllowedFolder, confined_to
from fileorg.core.errors import ErrorCode, StateError
from fileorg.core.state import open_state
from fileorg.serve.guard import MOST_BODY_BYTES, POLICY
from fileorg.serve.pictures import open_file
from fileorg.serve.problems import HttpProblem
from fileorg.serve.served import Served
from fileorg.serve.sessions import Sessions, read_token

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "nobody may read this"


def code_of(answer: object) -> str:
    return str(json.loads(answer.body)["code"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/index.html"), ("GET", V1), ("GET", f"{V1}/openapi.json"), ("GET", f"{V1}/files"),
     ("POST", f"{V1}/plans"), ("DELETE", f"{V1}/runs/1"), ("GET", "/no/such/thing"), ("HEAD", V1), ("OPTIONS", V1)],
)  # fmt: skip
def test_nothing_is_answered_without_a_session(shared: Server, method: str, path: str) -> None:
    answer = shared.raw(method, path, {})
    assert answer.status == 401
    assert str(shared.root).encode() not in answer.body
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_code_is_used_once_for_a_cookie_of_this_server(server: Server) -> None:
    assert server.raw("GET", f"/login?code={server.code}", {"Sec-Purpose": "prefetch;prerender"}).status == 403
    answer = server.raw("GET", f"/login?code={server.code}", {})
    given = answer.headers["set-cookie"]
    assert given.startswith(f"fileorg-{server.port}=")
    assert {"httponly", "samesite=strict", "path=/"} <= set(given.lower().split("; "))
    assert "domain" not in given.lower()
    assert server.raw("GET", V1, {"Cookie": given.partition(";")[0]}).status == 200
    again = server.raw("GET", f"/login?code={server.code}", {})
    assert again.status == 401
    assert "set-cookie" not in again.headers


def test_a_code_is_too_old_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "clock_gettime", lambda _: now)
    sessions = Sessions("t" * 40, 100, 10)
    codes = [sessions.new_code() for _ in range(2)]
    now += 59
    assert sessions.exchange(codes[0]) is not None
    now += 2
    assert sessions.exchange(codes[1]) is None


def test_a_clock_that_jumps_makes_no_code_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions("t" * 40, 100, 10)
    code = sessions.new_code()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert sessions.exchange(code) is not None
    assert sessions.exchange(code) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:{port}.evil.example", "0.0.0.0:{port}",
     "[::1]:{port}", "", "localhost", "127.0.0.1:{port}:{port}", "2130706433:{port}"],
)  # fmt: skip
def test_a_foreign_host_is_refused(shared: Server, host: str) -> None:
    headers = {"Host": host.format(port=shared.port), "Authorization": f"Bearer {shared.token}"}
    assert shared.raw("GET", V1, headers).status in {400, 421}
    assert shared.raw("GET", f"/login?code={shared.code}", headers).status in {400, 421}


def test_two_hosts_are_refused(shared: Server) -> None:
    with socket.create_connection(("127.0.0.1", shared.port)) as raw:
        raw.sendall(
            f"GET {V1} HTTP/1.1\r\nHost: {shared.host}\r\nHost: evil.example\r\n"
            f"Authorization: Bearer {shared.token}\r\n\r\n".encode()
        )
        assert raw.recv(100).split()[1] in {b"400", b"421"}


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "https://{host}"}, {"Origin": "http://127.0.0.1:1"},
     {"Origin": "http://localhost:{port}"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
     {"Origin": "http://{host}", "Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "none"}, {}],
)  # fmt: skip
def test_another_site_changes_nothing(shared: Server, cookie: str, headers: dict[str, str]) -> None:
    """By `fetch` with the cookie, as if the browser had sent it, and by a form. Without `Origin`, too."""
    sent = {name: value.format(host=shared.host, port=shared.port) for name, value in headers.items()}
    body = json.dumps({"kind": "organize", "paths": [{"path": str(shared.root)}]}).encode()
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        answer = shared.raw("POST", f"{V1}/plans", {"Cookie": cookie, "Content-Type": kind, **sent}, body)
        assert (answer.status, code_of(answer)) == (403, "cross-site")
    assert len(shared.get("/jobs")["jobs"]) == 1


def test_the_page_itself_may_ask(server: Server) -> None:
    cookie = server.login()
    own = {"Cookie": cookie, "Origin": f"http://{server.host}", "Sec-Fetch-Site": "same-origin"}
    assert server.raw("POST", f"{V1}/scans", own, b'{"paths": []}').status == 202
    assert server.raw("POST", f"{V1}/logout", own).status == 204
    assert server.raw("GET", V1, own).status == 401


@pytest.mark.parametrize("other", ['seen={"page": 1}', "name=a b", "ä=ü", "=", '"'])
def test_cookies_of_other_servers_hide_none(shared: Server, cookie: str, other: str) -> None:
    sent = f"{other}; {cookie}; {other}".encode().decode("latin-1")
    assert shared.raw("GET", V1, {"Cookie": sent}).status == 200


def test_another_site_opens_no_page_and_reads_nothing(shared: Server, cookie: str) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, {"Origin": "http://evil.example"}):
        assert shared.raw("GET", V1, {"Cookie": cookie, **headers}).status == 403
        assert shared.raw("GET", "/", {"Cookie": cookie, **headers}).status == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://evil.example"}, {"Origin": "http://127.0.0.1:1"}, {"Host": "evil.example"},
     {"Origin": "http://{host}", "Sec-Fetch-Site": "cross-site"}],
)  # fmt: skip
def test_another_site_opens_no_websocket(shared: Server, cookie: str, headers: dict[str, str]) -> None:
    sent = {"Cookie": cookie, **{name: value.format(host=shared.host) for name, value in headers.items()}}
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode()}  # fmt: skip
    answer = shared.raw("GET", f"{V1}/jobs/1/events", {**handshake, **sent})
    assert answer.status in {403, 421}
    fine = {**handshake, "Cookie": sent["Cookie"], "Origin": f"http://{shared.host}"}
    assert shared.raw("GET", f"{V1}/jobs/1/events", fine).status == 101


def test_a_websocket_needs_a_session(shared: Server) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://{shared.host}{V1}/jobs/1/events", proxy=None):
        pass
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    "kind", ["Bearer ", "Bearer x", "bearer {half}", "Basic {token}", "{token}", "Bearer {token}x"]
)
def test_a_forged_token_is_refused(shared: Server, kind: str) -> None:
    sent = kind.format(token=shared.token, half=shared.token[: len(shared.token) // 2])
    assert shared.raw("GET", V1, {"Authorization": sent}).status == 401


@pytest.mark.parametrize(
    "cookie", ["fileorg-{port}=x", "fileorg-{port}={token}", "fileorg-{port}=", "a=b", "fileorg-{port}=\xff"]
)
def test_a_forged_cookie_is_refused(shared: Server, cookie: str) -> None:
    sent = cookie.format(token=shared.token, port=shared.port)
    assert shared.raw("GET", V1, {"Cookie": sent}).status == 401


def test_the_token_is_readable_by_this_user_alone(shared: Server) -> None:
    assert (shared.state / "serve.token").stat().st_mode & 0o777 == 0o600
    assert len(shared.token) >= 40


# Paths ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walled(shared: Server) -> Server:
    """A server beside a secret, and ways that lead to it."""
    outside = shared.folder / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n" + SECRET.encode())
    (shared.root / "link").symlink_to(outside)
    (shared.root / "link.png").symlink_to(outside / "secret.png")
    os.mkfifo(shared.root / "pipe.png")
    (shared.folder / "root2").mkdir()
    (shared.folder / "root2" / "near.png").write_bytes(b"\x89PNG\r\n\x1a\n" + SECRET.encode())
    return shared


@pytest.mark.parametrize(
    "path",
    ["{root}/../outside/secret.png", "{outside}/secret.png", "/etc/passwd", "", "secret.png", "..", "{root}/link/secret.png",
     "{root}/link.png", "{root}/pipe.png", "{root}/./../outside/secret.png", "{root}//../outside/secret.png", "{root}2/near.png",
     "file://{outside}/secret.png", "{root}", "/proc/self/environ", "/proc/self/root{outside}/secret.png", "~/outside/secret.png"],
)  # fmt: skip
def test_no_path_leads_out_of_the_roots(walled: Server, path: str) -> None:
    text = path.format(root=walled.root, outside=walled.folder / "outside")
    encoded = base64.b64encode(text.encode()).decode()
    for query in (f"path={quote(text)}", f"path_b64={quote(encoded)}", f"path={quote(quote(text))}"):
        answer = walled.ask("GET", f"/thumbnails?{query}")
        assert answer.status in {400, 403, 404}, (query, answer)
        assert SECRET.encode() not in answer.body
    if text != str(walled.root):
        for place in ({"path": text}, {"path_b64": encoded}):
            for where in ("/plans", "/scans", "/searches"):
                answer = walled.ask(
                    "POST", where, {"paths": [place]} | ({"kind": "organize"} if where == "/plans" else {})
                )
                assert answer.status in {202, 403}, answer
                if answer.status == 202:  # a file in the root is no folder: its command says so
                    assert walled.ended(answer.json)["status"] == "failed"


def test_a_target_outside_the_roots_is_refused(walled: Server) -> None:
    body = {"kind": "organize", "paths": [{"path": str(walled.root)}], "dest": {"path": str(walled.folder / "outside")}}
    answer = walled.ask("POST", "/plans", body)
    assert (answer.status, code_of(answer)) == (403, "outside")


@pytest.mark.parametrize(
    "path",
    ["/../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/page/../__main__.py",
     "/__main__.py", "/..\\..\\etc", "/index.html%00.js", "/report/../records.py", "/report/%2e%2e/__init__.py", "/.", "/\xff"],
)  # fmt: skip
def test_files_of_the_page_have_fixed_names(shared: Server, path: str) -> None:
    encoded = quote(path, safe="/%.\\:") if not path.isascii() else path
    answer = shared.raw("GET", encoded, {"Authorization": f"Bearer {shared.token}"})
    assert answer.status in {400, 404}, answer


def test_a_symlink_swapped_in_later_leads_nowhere(server: Server) -> None:
    """The folder of a request is another one when the command opens it: a symlink that leads out."""
    outside = server.folder / "outside"
    outside.mkdir()
    (outside / "a.jpg").write_text(SECRET)
    inner = server.root / "inner"
    inner.mkdir()
    (inner / "b.jpg").write_text("b")
    ended = []
    for _ in range(3):
        begun = server.post("/plans", {"kind": "organize", "paths": [{"path": str(inner)}]})
        inner.rename(server.root / "aside")
        inner.symlink_to(outside)
        ended.append(server.ended(begun))
        inner.unlink()
        (server.root / "aside").rename(inner)
    for each in ended:
        assert each["status"] == "failed" or str(outside) not in json.dumps(each), each
    assert str(outside) not in json.dumps(server.get("/jobs"))
    assert (outside / "a.jpg").read_text() == SECRET


def test_operations_elsewhere_are_neither_shown_nor_undone(server: Server) -> None:
    elsewhere = server.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.jpg").write_text(SECRET)
    old = time.time() - 86400
    os.utime(elsewhere / "a.jpg", (old, old))

    server.command("organize", elsewhere, "-y", "-q")
    assert server.get("/operations")["operations"] == []
    assert server.get("/jobs")["jobs"] == []
    for method, path in (
        ("GET", "/operations/1"), ("POST", "/operations/1/undo"), ("GET", "/files?operation_id=1"), ("GET", "/jobs/1"),
        ("GET", "/operations/1/duplicates"), ("POST", "/jobs/1/resume"), ("GET", "/plans/1"), ("GET", "/jobs/1/log"),
    ):  # fmt: skip
        answer = server.ask(method, path, {} if method == "POST" else None)
        assert answer.status == 404, (path, answer)
        assert b"elsewhere" not in answer.body
    with pytest.raises(InvalidStatus), server.events("/jobs/1/events"):
        pass


def test_an_operation_that_leads_elsewhere_is_not_listed(server: Server) -> None:
    """What is refused by its number is not in a list either."""

    server.carry_out(server.plan())
    server.command("organize", server.root, "-r", "--dest", server.folder / "elsewhere", "-y", "-q")
    for path in ("/operations/2", "/jobs/2"):
        assert server.ask("GET", path).status == 404
    assert [each["operation"] for each in server.get("/operations")["operations"]] == [1]
    assert [each["job"] for each in server.get("/jobs")["jobs"]] == [1]
    assert server.get("/files")["operation"] == 1


# Values ---------------------------------------------------------------------------------------------------------------

_SQL = [
    "1 OR 1=1",
    "1; DROP TABLE operations",
    "' OR ''='",
    "1)--",
    "-1",
    "0",
    "1e3",
    "0x1",
    "١",
    "9" * 30,
    "1/**/",
    "null",
    "",
]


@pytest.mark.parametrize(
    "parameter",
    ["before", "limit", "operation_id", "page", "page_size", "status", "category", "sort", "reverse", "after", "unknown"],
)  # fmt: skip
def test_parameters_hold_no_sql(shared: Server, parameter: str) -> None:
    paths = {"before": "/operations", "limit": "/jobs", "after": "/plans/1/rows"}
    for text in _SQL:
        answer = shared.ask("GET", f"{paths.get(parameter, '/files')}?{parameter}={quote(text)}")
        if parameter == "category":
            assert answer.status == 200
            assert text == "" or answer.json["files"] == []
        else:
            assert answer.status in {400, 404}, (text, answer)
    assert len(shared.get("/operations")["operations"]) == 1


def test_numbers_in_paths_are_numbers(shared: Server) -> None:
    for text in (*_SQL, "1%20OR%201=1", "../1", "%2e%2e"):
        for where in ("operations", "jobs", "plans", "runs"):
            assert shared.ask("GET", f"/{where}/{quote(text, safe='%')}").status in {400, 404}, (where, text)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"x"', b"null", b'{"kind": "purge", "paths": []}', b'{"kind": "organize"}',
     b'{"kind": "organize", "paths": "/"}', b'{"kind": "organize", "paths": [], "program": "sh"}',
     b'{"kind": "organize", "paths": [{"path": 1}]}', b'{"kind": "organize", "paths": [{"path": "/\\u0000"}]}',
     b'{"kind": "organize", "paths": [{"path_b64": "!"}]}', b"[" * 100000, b"\xff\xfe", b'{"kind": ["organize"], "paths": []}',
     b'{"kind": "organize", "paths": [], "recursive": 1}', b'{"kind": "organize", "paths": [{"path": "\\ud800"}]}',
     b'{"\\ud800": 1}', b'{"kind": "organize", "paths": [], "template": "\\ud800"}',
     b'{"kind": "organize", "paths": [], "include": ["\\udcff"]}', '{"kind": "organize", "paths": [{"path_b64": "é"}]}'.encode()],
)  # fmt: skip
def test_bodies_are_checked(shared: Server, body: bytes) -> None:
    answer = shared.raw("POST", f"{V1}/plans", {"Authorization": f"Bearer {shared.token}"}, body)
    assert (answer.status, code_of(answer)) == (400, "bad-request"), answer


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", "/categories/a%00b", {}), ("GET", "/thumbnails?path_b64=%ff", None),
     ("POST", "/categories", {"name": "\ud800", "extensions": ["x"]}),
     ("POST", "/categories", {"name": "a\nb", "extensions": ["x"]}),
     ("POST", "/categories", {"name": 'x"]\n[jobs]\nnotify = ["touch"]\n#', "extensions": ["zz"]}),
     ("POST", "/categories", {"name": "Foo", "extensions": ["\ud800"]}),
     ("POST", "/rules", {"to": "\ud800", "ext": "pdf"})],
)  # fmt: skip
def test_what_is_no_word_is_refused(shared: Server, method: str, path: str, body: Any) -> None:
    answer = shared.ask(method, path, body)
    assert (answer.status, code_of(answer) in {"bad-request", "bad-value"}) == (400, True), answer


def test_options_do_not_become_other_options(shared: Server) -> None:
    """A value stays one word behind its `=`, and a path comes after `--`."""
    for more in ({"template": "--output=x"}, {"include": ["--yes", "-o/tmp/x"]}, {"min_size": "--background"}):
        begun = shared.post("/plans", {"kind": "organize", "paths": [{"path": str(shared.root)}], **more})
        shared.until(f"/runs/{begun['run']}/events")
    assert not os.path.lexists("x")
    assert sorted(path.name for path in shared.root.glob("*.*")) >= ["a.jpg", "b.pdf"]
    assert [job["job"] for job in shared.get("/jobs")["jobs"] if job["status"] != "waiting"] == [1]


def test_hostile_names_are_text(server: Server) -> None:
    names = [
        b"<script>alert(1)<\\script>.jpg",
        "evil\u202egpj.exe.jpg".encode(),
        b"bad\xff.jpg",
        b"\"';--.jpg",
        b"a\nb.jpg",
    ]
    for name in names:
        with open(os.fsencode(server.root) + b"/" + name, "wb") as file:
            file.write(name)
        os.utime(os.fsencode(server.root) + b"/" + name, (1e9, 1e9))
    plan = server.plan()
    answer = server.ask("GET", f"/plans/{plan['job']}/rows?limit=100")
    assert answer.headers["content-type"] == "application/json"
    rows = answer.json["rows"]
    found = {
        base64.b64decode(row["path_b64"]) if "path_b64" in row else row["path"].encode() for row in rows if row["path"]
    }
    assert {os.fsencode(server.root) + b"/" + name for name in names} <= found
    assert server.carry_out(plan)["status"] == "done"
    listed = server.get("/files?page_size=100")["files"]
    assert any("new_path_b64" in each for each in listed)


# Load -----------------------------------------------------------------------------------------------------------------


def test_an_oversized_body_is_refused(shared: Server) -> None:
    head = {"Authorization": f"Bearer {shared.token}"}
    announced = shared.raw("POST", f"{V1}/plans", {**head, "Content-Length": str(MOST_BODY_BYTES + 1)})
    assert (announced.status, code_of(announced)) == (413, "too-large")
    with socket.create_connection(("127.0.0.1", shared.port)) as raw:
        raw.sendall(
            f"POST {V1}/plans HTTP/1.1\r\nHost: {shared.host}\r\nAuthorization: Bearer {shared.token}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        try:
            for _ in range(MOST_BODY_BYTES // 0x10000 + 8):
                raw.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            assert raw.recv(100).split()[1] == b"413"


def test_a_slow_body_is_given_up(tmp_path: Path) -> None:
    server = Server(tmp_path, "--body-seconds", "0.3")
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(
                f"POST {V1}/plans HTTP/1.1\r\nHost: {server.host}\r\nAuthorization: Bearer {server.token}\r\n"
                "Content-Length: 100\r\n\r\n{".encode()
            )
            assert raw.recv(100).split()[1] == b"408"
        assert server.get("")["version"]
    finally:
        server.close()


def test_limits_are_of_sessions_not_connections(tmp_path: Path) -> None:
    server = Server(tmp_path, "--requests", "5", "--operations", "2")
    try:
        assert [server.ask("GET", "").status for _ in range(7)] == [200] * 5 + [429] * 2
        refused = server.ask("GET", "")
        assert 0 < int(refused.headers["retry-after"]) <= 60
        own = {"Cookie": server.login(), "Origin": f"http://{server.host}"}
        # What the page reads has its own, larger limit, and its files have none.
        assert {server.raw("GET", V1, own).status for _ in range(50)} == {200}
        assert {server.raw("GET", "/no.js", own).status for _ in range(150)} == {404}
        asked = [server.raw("POST", f"{V1}/operations/9/undo", own, b"{}").status for _ in range(4)]
        assert asked == [404, 404, 429, 429]
    finally:
        server.close()


def test_a_second_user_has_no_way_in(tmp_path: Path) -> None:
    """A socket is for its owner; a port answers nobody without a code."""
    server = UnixServer(tmp_path, "--socket", str(tmp_path / "sock"))
    try:
        assert (tmp_path / "sock").stat().st_mode & 0o777 == 0o600
        assert server.raw("GET", V1, {"Host": "localhost"}).status == 401
        assert server.raw("GET", V1, {"Host": "evil.example", "Authorization": f"Bearer {server.token}"}).status == 421
        assert server.ask("GET", "", Host="localhost").json["roots"] == [{"path": str(server.root), "is_there": True}]
    finally:
        server.close()
    assert not (tmp_path / "sock").exists()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_another_user_cannot_use_the_socket(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001 and folder.is_relative_to(tmp_path.parents[1]):
            folder.chmod(0o755)
    server = UnixServer(tmp_path, "--socket", str(tmp_path / "sock"))
    try:
        script = (
            f"import os, socket; os.setuid(65534); socket.socket(socket.AF_UNIX).connect({str(tmp_path / 'sock')!r})"
        )
        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "PermissionError" in ran.stderr
        script = f"import os; os.setuid(65534); open({str(server.state / 'serve.token')!r})"
        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "PermissionError" in ran.stderr
    finally:
        server.close()


def test_a_machine_that_sleeps_makes_no_code_last_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The monotonic clock of Linux stands still meanwhile."""
    clocks = {time.CLOCK_BOOTTIME: 1000.0, time.CLOCK_MONOTONIC: 1000.0}
    monkeypatch.setattr(time, "clock_gettime", clocks.__getitem__)
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    sessions = Sessions("t" * 40, 100, 10)
    secret, code = sessions.exchange(sessions.new_code()), sessions.new_code()
    assert secret is not None
    assert sessions.of_cookie(secret) is not None
    clocks[time.CLOCK_BOOTTIME] += 25 * 3600
    assert sessions.exchange(code) is None
    assert sessions.of_cookie(secret) is None


def test_a_token_that_others_could_read_is_not_used(tmp_path: Path) -> None:
    state = open_state(os.fsencode(tmp_path))
    token = read_token(state)
    assert read_token(state) == token
    (tmp_path / "serve.token").chmod(0o644)
    with pytest.raises(StateError, match="Others can read"):
        read_token(state)


def test_a_picture_of_a_folder_that_took_the_place_of_a_root_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    seen = root.stat()
    own = AllowedFolder(os.fsencode(root), seen.st_dev, seen.st_ino)
    for name, value in confined_to([own]).items():
        monkeypatch.setenv(name, value)
    served = Served(open_state(os.fsencode(tmp_path / "state")), (os.fsencode(root),), b"", 1, 1)
    (root / "p.png").touch()
    os.close(open_file(served, os.fsencode(root / "p.png")))
    root.rename(tmp_path / "old")
    root.mkdir()
    (root / "p.png").touch()
    with pytest.raises(HttpProblem) as refused:
        open_file(served, os.fsencode(root / "p.png"))
    assert refused.value.code is ErrorCode.OUTSIDE


def test_duplicates_elsewhere_are_not_named(server: Server) -> None:
    elsewhere = server.folder / "elsewhere"
    elsewhere.mkdir()
    for name in ("secret 1", "secret 2"):
        (elsewhere / name).write_text("the same")
    server.command("dedupe", "-q", elsewhere)
    answer = server.ask("GET", "/duplicates")
    assert (answer.status, answer.json["code"]) == (403, "outside")
    assert b"elsewhere" not in answer.body


def test_a_word_that_is_too_long_for_a_command_is_refused(shared: Server) -> None:
    answer = shared.ask("POST", "/categories", {"name": "x" * 200_000, "extensions": ["y"]})
    assert (answer.status, answer.json["code"]) == (413, "too-large"), answer.json["detail"]
