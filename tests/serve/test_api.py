"""The API as it describes itself: the document is right, answers have their shapes, and the docs have all paths."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from tests.serve.conftest import Server, settle

from fileorg.serve import api, report_files
from fileorg.serve.api import ENDPOINTS
from fileorg.serve.openapi import document
from fileorg.serve.opened_file import OpenedFile
from fileorg.serve.problems import HttpProblem
from fileorg.serve.runs import Runs
from fileorg.serve.served import Served
from fileorg.serve.shapes import GivenPath

if TYPE_CHECKING:
    from fileorg.core.state import StateDirectory

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "hint"],
    "properties": {"detail": {"pattern": r"\A[^\n]+\.\Z"}, "status": {"type": "integer"}},
}


def test_the_document_is_served_and_made_of_schemas(shared: Server) -> None:
    served = shared.get("/openapi.json")
    assert served == json.loads(json.dumps(document()))
    assert served["openapi"] == "3.1.0"
    described = [(method.upper(), path) for path, methods in served["paths"].items() for method in methods]
    assert len(described) == len(ENDPOINTS)
    names = set()
    for methods in served["paths"].values():
        for operation in methods.values():
            names.add(operation["operationId"])
            for answer in operation["responses"].values():
                for content in answer["content"].values():
                    jsonschema.Draft202012Validator.check_schema(content["schema"])
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                jsonschema.Draft202012Validator.check_schema(schema)
    assert len(names) == len(ENDPOINTS)


def test_every_path_is_in_the_docs() -> None:
    text = DOCS.read_text()
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("{id:number}", "{id}")
        paths = (path, path.replace("/plans/{id}", "/plans/{job}"), "/" + path.rpartition("/")[2])
        assert any(f"`{each}" in text for each in paths), path


@pytest.mark.parametrize("path", [
    "", "/profiles", "/operations", "/operations/1", "/operations/1/duplicates", "/files", "/files?sort=size&reverse=true",
    "/jobs", "/jobs/1", "/jobs/1/log", "/categories", "/category-changes", "/rules", "/duplicates", "/settings",
])  # fmt: skip
def test_answers_have_their_shapes(shared: Server, path: str) -> None:
    answer = shared.ask("GET", path)
    if path == "/duplicates" and answer.status != 200:
        check(answer.json, PROBLEM)
        return
    assert answer.status == 200, answer
    plain = re.sub(r"/1\b", "/{id:number}", path.partition("?")[0])
    [endpoint] = [each for each in ENDPOINTS if (each.method, each.path) == ("GET", plain)]
    check(answer.json, endpoint.answer)


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/operations/9", 404), ("GET", "/jobs/9", 404), ("GET", "/runs/9", 404), ("GET", "/none", 404), ("PUT", "/jobs", 405),
    ("POST", "/jobs/1/resume", 409), ("POST", "/plans", 400), ("GET", "/files?page=0", 400), ("DELETE", "/categories/None", 400),
    ("GET", "/plans/1", 404), ("GET", "/thumbnails", 403),
])  # fmt: skip
def test_errors_are_problems(shared: Server, method: str, path: str, status: int) -> None:
    answer = shared.ask(method, path, {} if method in {"POST", "PUT"} else None)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    check(answer.json, PROBLEM)
    assert answer.json["status"] == status


def check(value: Any, schema: Any) -> None:
    jsonschema.validate(value, schema, jsonschema.Draft202012Validator, format_checker=jsonschema.FormatChecker())


def test_categories_are_changed_and_the_changes_are_recorded(server: Server) -> None:
    added = server.post("/categories", {"name": "Games", "extensions": ["nes", "gba"]})
    assert "Games" in {each["name"] for each in added["categories"]}
    bad = server.ask("POST", "/categories", {"name": "../x", "extensions": ["y"]})
    assert (bad.status, bad.json["code"]) == (400, "bad-value")
    assert server.ask("PUT", "/categories/Games", {"extensions": ["nds"], "without": ["gba"]}).status == 200
    [games] = [each for each in server.get("/categories")["categories"] if each["name"] == "Games"]
    assert set(games["extensions"]) == {"nes", "nds"}
    assert server.ask("DELETE", "/categories/Games").status == 200
    changes = server.get("/category-changes")["changes"]
    assert [each["kind"] for each in changes] == ["remove", "edit", "add"]
    assert server.post("/categories/Games/restore")["categories"]
    assert "Games" in {each["name"] for each in server.get("/categories")["categories"]}


def test_pictures_are_shown_by_their_first_bytes(shared: Server) -> None:
    pictures = {"p.png": (b"\x89PNG\r\n\x1a\n", "image/png"), "p.txt": (b"\xff\xd8\xff\xe0", "image/jpeg")}
    for name, (content, kind) in pictures.items():
        (shared.root / name).write_bytes(content)
        answer = shared.ask("GET", f"/thumbnails?path={shared.root}/{name}")
        assert (answer.status, answer.headers["content-type"], answer.body) == (200, kind, content)
        assert answer.headers["x-content-type-options"] == "nosniff"
    for name in ("v.svg", "v.html", "v.png"):
        (shared.root / name).write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
        answer = shared.ask("GET", f"/thumbnails?path={shared.root}/{name}")
        assert answer.status == 415
        assert b"<svg" not in answer.body


def test_a_rule_is_made_and_decides(server: Server) -> None:
    assert server.post("/rules", {"to": "Papers/Read", "ext": "pdf"})["name"] == "pdf to Papers/Read"
    assert [each["to"] for each in server.get("/rules")["rules"]] == ["Papers/Read"]
    targets = {row["new_path"] for row in server.rows(server.plan()["job"])}
    assert f"{server.root}/Papers/Read/b.pdf" in targets
    for bad in ({"to": "../x", "ext": "pdf"}, {"to": "/etc", "ext": "pdf"}, {"to": "x"}, {"to": "x", "ext": "../"}):
        answer = server.ask("POST", "/rules", bad)
        assert (answer.status, answer.json["code"]) == (400, "bad-value"), answer


def test_reports_are_files_to_save(shared: Server) -> None:
    """An HTML report brings its own script, so it is no page of this server."""
    for kind, begins in (("html", b"<!doctype html"), ("json", b"{"), ("csv", b"record,")):
        answer = shared.ask("GET", f"/operations/1/report?format={kind}")
        assert answer.status == 200
        assert answer.body[:14].lower().startswith(begins)
        assert answer.headers["content-disposition"] == f'attachment; filename="fileorg-operation-1.{kind}"'
    assert shared.ask("GET", "/operations/9/report").status == 404
    assert shared.ask("GET", "/operations/1/report?format=exe").status == 400


def test_reports_are_written_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, "_AT_ONCE", threading.BoundedSemaphore(1))
    with report_files._AT_ONCE, pytest.raises(HttpProblem) as refused:
        report_files.report(SimpleNamespace())  # type: ignore[arg-type]
    assert (refused.value.status, refused.value.code) == (409, "locked")


def test_the_page_is_served_with_its_types(shared: Server, cookie: str) -> None:
    page = shared.raw("GET", "/", {"Cookie": cookie})
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for name in re.findall(r'(?:src|href)="(/[^"]+)"', page.body.decode()):
        answer = shared.raw("GET", name, {"Cookie": cookie})
        kind = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
        assert (answer.status, answer.headers["content-type"]) == (200, kind[name.rpartition(".")[2]]), name
        unchanged = {"Cookie": cookie, "If-None-Match": answer.headers["etag"]}
        assert shared.raw("GET", name, unchanged).status == 304


def test_settings_are_set_and_comments_stay(server: Server) -> None:
    path = server.folder / "config" / "fileorg" / "fileorg.toml"
    assert server.get("/settings")["settings"] == dict.fromkeys(("names", "locale", "keep_days", "trash_size"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '# mine\nversion = 1\n[settings]\nkeep_days = 30 # a month\n\n# who is followed\n[jobs]\nnotify = ["true"]\n'
    )
    wanted = {"settings": {"keep_days": 30, "trash_size": "10G"}, "jobs": {"parallel": 3}}
    found = server.ask("PUT", "/settings", wanted)
    assert found.status == 200, found
    assert found.json == server.get("/settings")
    assert (found.json["settings"]["trash_size"], found.json["jobs"]["parallel"]) == ("10G", 3)
    assert found.json["tells"] == {"notify": True, "webhook": False}
    text = path.read_text()
    assert all(
        part in text
        for part in ("# mine\n", "keep_days = 30 # a month\n", "# who is followed\n", 'notify = ["true"]\n')
    )
    assert server.ask("PUT", "/settings", {"settings": {}, "dates": {"local_video": ["DSC*"]}}).status == 200
    assert (server.get("/settings")["settings"]["keep_days"], server.get("/settings")["jobs"]["parallel"]) == (None, 3)
    assert server.get("/category-changes")["changes"] == []


def test_settings_that_were_changed_elsewhere_are_not_overwritten(server: Server) -> None:
    seen = server.get("/settings")["version"]
    server.post("/rules", {"to": "Papers", "ext": "pdf"})  # another part of the file
    first = server.ask("PUT", "/settings", {"version": seen, "settings": {"keep_days": 30}})
    assert first.status == 200, first
    second = server.ask("PUT", "/settings", {"version": seen, "settings": {"trash_size": "1G"}})
    assert (second.status, second.json["code"]) == (409, "refused"), second
    assert server.get("/settings") == first.json
    again = server.ask("PUT", "/settings", {"version": first.json["version"], "settings": {"trash_size": "1G"}})
    assert again.json["settings"]["keep_days"] is None
    (server.folder / "config/fileorg/fileorg.toml").write_text('version = 1\n[dates]\nlocal_video = "DSC*"\n')
    assert server.get("/settings")["dates"] == {"local_video": ["DSC*"]}


@pytest.mark.parametrize(("wanted", "said"), [
    ({"settings": {"trash_size": "Much"}}, "trash_size = Much is not a size."),
    ({"settings": {"keep_days": -1}}, "keep_days = -1 is not from 0"),
    ({"settings": {"locale": "German"}}, "This system has no locale German."),
    ({"dates": {"local_video": ["\x7f" * 2**20]}}, "longer than 64,000 characters"),
])  # fmt: skip
def test_settings_that_no_run_could_use_are_refused_by_name(shared: Server, wanted: Any, said: str) -> None:
    before = shared.get("/settings")
    content = json.dumps(wanted, ensure_ascii=False).encode()
    answer = shared.raw("PUT", "/api/v1/settings", {"Authorization": f"Bearer {shared.token}"}, content)
    assert (answer.status, answer.json["code"]) == (400, "bad-value"), answer
    assert said in answer.json["detail"]
    assert shared.get("/settings") == before


@pytest.mark.parametrize("wanted", [
    {"jobs": {"notify": ["touch", "/tmp/x"]}}, {"jobs": {"webhook": "http://x/"}}, {"serve": {"operations_per_hour": 1000000}},
    {"settings": {"keep_days": -1}}, {"settings": {"trash_size": "much"}}, {"settings": {"trash_size": "9" * 400}}, {"settings": {"keep_days": "1"}}, {"rule": []},
    {"settings": {"locale": 'x"\n[jobs]\nnotify = ["x"]\n'}}, {"jobs": {"parallel": 10**6}}, {"jobs": {"attempts": True}},
])  # fmt: skip
def test_settings_that_are_wrong_or_could_start_something_are_refused(shared: Server, wanted: Any) -> None:
    before = shared.get("/settings")
    answer = shared.ask("PUT", "/settings", wanted)
    assert answer.status in {200, 400}, answer
    after = shared.get("/settings")
    assert after["tells"] == {"notify": False, "webhook": False}
    if answer.status == 400:
        assert after == before
    else:
        assert "locale" in wanted["settings"]


def test_rules_are_tried_without_a_change(server: Server) -> None:
    server.post("/rules", {"to": "Papers", "ext": "pdf"})
    (server.root / "kept.pdf").write_text("kept")
    (server.root / "what.zzz").write_text("unknown")
    settle(server.root)
    text = 'version = 1\n[[rule]]\nname = "stay"\nwhen = {name = "kept*"}\nkeep = true\n'
    before = server.get("/operations")
    found = _preview(server, text=text, rule={"to": "Notes", "ext": "txt"}, examples=1)
    shown = [(each["name"], each["files"], each["moves"]) for each in found["rules"]]
    assert shown == [("stay", 1, 0), ("txt to Notes", 1, 1)]
    assert found["rules"][1]["examples"] == [{"path": f"{server.root}/d.txt"}]
    assert {each["category"]: each["files"] for each in found["categories"]} == {
        "Images": 2,
        "Documents": 1,
        "Audio": 1,
    }
    assert (found["unmatched"]["files"], found["unmatched"]["size_bytes"]) == (1, 7)
    assert [len(each["examples"]) for each in found["categories"]] == [1, 1, 1]
    assert [(each["name"], each["files"]) for each in _preview(server)["rules"]] == [("pdf to Papers", 2)]
    assert server.get("/operations") == before
    assert len(server.get("/rules")["rules"]) == 1


def test_rules_are_tried_in_the_roots_only(server: Server) -> None:
    outside = server.ask("POST", "/rules/preview", {"path": {"path": str(server.folder)}})
    assert (outside.status, outside.json["code"]) == (403, "outside")
    strange = f'version = 1\n[[rule]]\nname = "x"\nto = "{server.folder}/elsewhere/{{name}}"\n'
    (server.root / "link").symlink_to(server.folder)  # whose folders no rule may tell
    followed = 'version = 1\n[[rule]]\nname = "x"\nto = "{folder_in_name:link}"\n'
    for text, code in (
        (strange, "outside"),
        (followed, "outside"),
        ("version = 9\n", "bad-configuration"),
        ("[[rule", "bad-configuration"),
    ):
        ended = _preview_run(server, text=text)
        assert (ended["status"], ended["problem"]["code"]) == ("failed", code), ended
    linked = 'version = 1\n[[rule]]\nname = "x"\nto = "{root}/link/x"\n'.replace("{root}", str(server.root))
    problem = _preview_run(server, text=linked)["problem"]
    assert (problem["code"], problem["path"]) == ("outside", f"{server.root}/link/x")  # not where the link leads
    assert str(server.root) in problem["detail"]
    assert not (server.folder / "elsewhere").exists()


def test_rules_that_are_tried_start_no_program(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "exiftool").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\necho 13.00\n")
    (tools / "exiftool").chmod(0o755)
    server = Server(tmp_path, PATH=f"{tools}:{os.environ['PATH']}")
    try:
        (server.root / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0")
        settle(server.root)
        found = _preview(server, text='version = 1\n[dates]\nexiftool = true\n[[rule]]\nto = "{taken.year}"\n')
    finally:
        server.close()
    assert found["rules"]
    assert not (tmp_path / "started").exists()


def test_rules_that_take_too_long_say_so(
    state: StateDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_MOST_PREVIEW_SECONDS", 0)
    root = os.fsencode(tmp_path)
    runs, served = Runs(), Served(state, (root,), root + b"/none.toml", 10, 100)
    wanted = api.PreviewWanted(GivenPath(str(tmp_path)))

    async def tried() -> Any:
        begun = await api.preview_rules(SimpleNamespace(body=wanted, served=served, runs=runs))  # type: ignore[arg-type]
        feed = runs.of(begun["run"]).feed
        while not feed.is_last:
            await feed.later_than(feed.number)
        return runs.of(begun["run"]).problem

    assert asyncio.run(tried())["detail"] == "The rules could not be tried within 0 s."


@pytest.mark.parametrize("text", [
    'version = 1\n[[rule]]\nto = "/x\\u0000"\n', 'version = 1\n[[rule]]\nto = "a\\u0000"\n',
    'version = 1\n[[rule]]\nto = "~nobody/x"\n', 'version = 1\n[[rule]]\nto = "s3://bucket/x"\n',
    'version = 1\n[[rule]]\nto = "x"\nwhen = {in = "\\u0000"}\n', 'version = 1\n[[rule]]\nto = "x"\nwhen = {in = "~"}\n',
    'version = 1\n[[rule]]\nto = "x"\nwhen = {regex = "((a*)*)*b"}\n', 'version = 1\n[[rule]]\nto = "x"\nwhen = {regex = "a{99999}"}\n',
    'version = 1\n[profile.x]\nroot = "\\u0000"\n', "version = 1\n" + "a = " + "[" * 5000, "\x00", "\ufeff\ufeffversion = 1\n",
    'version = 1\n[[rule]]\nname = "\\u0000"\nto = "x"\nwhen = {name = "' + "*a" * 3000 + '"}\n', "version = 1\n" + "[[rule]]\nto = 'x'\n" * 3000,
])  # fmt: skip
def test_hostile_rules_are_tried_or_refused_in_a_sentence(shared: Server, text: str) -> None:
    answer = shared.ask("POST", "/rules/preview", {"path": {"path": str(shared.root)}, "text": text})
    if answer.status == 400:
        check(answer.json, PROBLEM)
        return
    ended = shared.ended(answer.json)
    if ended["status"] == "failed":
        check(ended["problem"], PROBLEM)
        assert ended["problem"]["code"] != "internal", ended


def test_a_file_that_is_removed_meanwhile_is_sent_whole(tmp_path: Path) -> None:
    path = tmp_path / "columns"
    content = os.urandom(3 << 20)
    path.write_bytes(content)
    response = OpenedFile(path.open("rb"), len(content), "application/octet-stream")
    path.unlink()
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(response({"type": "http"}, send, send))  # type: ignore[arg-type]
    assert [each.get("status") for each in sent][:1] == [200]
    assert b"".join(each.get("body", b"") for each in sent) == content
    assert sent[-1]["more_body"] is False


def _preview(server: Server, **more: Any) -> Any:
    ended = _preview_run(server, **more)
    assert ended["status"] == "done", ended
    return ended["answer"]


def _preview_run(server: Server, **more: Any) -> Any:
    begun = server.post("/rules/preview", {"path": {"path": str(server.root)}, **more})
    return server.ended(begun)
