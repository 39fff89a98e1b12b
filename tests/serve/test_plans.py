"""Plans through the API: made, edited, carried out by their number, taken back; and a server that is killed."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.serve.conftest import Server, settle
from tests.support import snapshot

if TYPE_CHECKING:
    from pathlib import Path


def names(root: Path) -> set[str]:
    """Return the paths of all files below a folder, relative to it."""
    return {
        str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() and ".fileorg" not in path.parts
    }


def row_of(rows: list[Any], name: str) -> int:
    """Return the number of the row of a file."""
    [found] = [row["row"] for row in rows if row["path"] is not None and row["path"].endswith(f"/{name}")]
    return int(found)


def test_a_plan_is_edited_carried_out_and_undone(server: Server) -> None:
    (server.root / "pair.cr2").write_text("raw")
    (server.root / "pair.xmp").write_text("sidecar")
    (server.root / "a link.lnk").symlink_to("a.jpg")
    settle(server.root)
    before = snapshot.take(os.fsencode(server.root))
    plan = server.plan()
    rows = server.rows(plan["job"])
    edited = server.post(
        f"/plans/{plan['job']}/edits",
        {
            "version": plan["version"],
            "leave_out": [row_of(rows, "c.mp3"), row_of(rows, "pair.xmp")],
            "move": [{"rows": [row_of(rows, "a.jpg")], "folder": {"path": f"{server.root}/Trips/Rome"}}],
        },
    )
    assert (edited["left_out"], edited["moved"]) == (3, 1)
    for version in (plan["version"], ""):
        stale = server.ask("POST", f"/jobs/{plan['job']}/approve", {"version": version})
        assert (stale.status, stale.json["code"]) == (409, "plan-changed")
    plan = server.get(f"/plans/{plan['job']}")
    assert plan["files"] == edited["files"]
    shown = [row["new_path"] for row in server.rows(plan["job"])]
    assert f"{server.root}/Trips/Rome/a.jpg" in shown
    assert f"{server.root}/Audio" not in shown
    columns = server.ask("GET", f"/plans/{plan['job']}/columns").body
    assert b"c.mp3" not in columns
    assert b"a.jpg" in columns
    job = server.carry_out(plan)
    assert (job["status"], job["files"], job["files_done"]) == ("done", plan["files"], plan["files"])
    assert names(server.root) == {
        "Trips/Rome/a.jpg", "c.mp3", "pair.cr2", "pair.xmp", "Documents/b.pdf", "Documents/d.txt", "Images/e.png", "a link.lnk",
    }  # fmt: skip
    assert (server.root / "a link.lnk").read_text() == "a.jpg"
    [operation] = job["operations"]
    undone = server.post(f"/operations/{operation}/undo", {})
    assert server.until(f"/jobs/{undone['job']}/events")["job"]["status"] == "done"
    assert snapshot.differences(before, snapshot.take(os.fsencode(server.root))) == []


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"move": [{"rows": [1], "folder": {"path": "/etc"}}]}, 403, "outside"),
        ({"move": [{"rows": [1], "folder": {"path": "{root}/../x"}}]}, 403, "outside"),
        ({"leave_out": [99]}, 400, "bad-value"),
        ({"leave_out": [-1]}, 400, "bad-value"),
        ({"move": [{"rows": [0], "folder": {"path": "{root}/x"}}]}, 400, "usage"),  # a folder that is made
        ({"move": [{"rows": [1], "folder": {"path": "{root}"}}]}, 400, "usage"),  # it is there already
        ({"move": [{"rows": [1], "folder": {"path": "{root}/taken"}}]}, 409, "names-taken"),
        ({"move": [{"rows": [1], "folder": {"path": "{root}/project/.git"}}]}, 409, "part-of-a-whole"),
        ({"version": "1-2-3", "leave_out": [1]}, 409, "plan-changed"),
        ({"version": "", "leave_out": [1]}, 409, "plan-changed"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(edits: tuple[Server, Any], change: Any, status: int, code: str) -> None:
    server, plan = edits
    text = json.dumps({"version": plan["version"], **change}).replace("{root}", str(server.root))
    answer = server.ask("POST", f"/plans/{plan['job']}/edits", json.loads(text))
    assert (answer.status, answer.json["code"]) == (status, code), answer
    now = server.get(f"/plans/{plan['job']}")
    assert (now["version"], now["has_columns"]) == (plan["version"], True)


@pytest.fixture(scope="module")
def edits(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server with a plan to edit."""
    server = Server(tmp_path_factory.mktemp("edits"), "--requests", "100000")
    (server.root / "a.jpg").write_text("a")
    for folder in ("taken", "project/.git"):
        (server.root / folder).mkdir(parents=True)
    (server.root / "project/.git/HEAD").write_text("ref: refs/heads/main\n")
    (server.root / "taken/a.jpg").write_text("another")
    settle(server.root)
    yield server, server.plan()
    server.close()


def test_rows_come_in_pages(server: Server) -> None:
    plan = server.plan()
    found, after = [], ""
    while after is not None:
        page = server.get(f"/plans/{plan['job']}/rows?limit=2&after={after}")
        assert len(page["rows"]) <= 2
        found += page["rows"]
        after = page["next"]
    assert found == server.rows(plan["job"])
    assert [row["row"] for row in found] == list(range(len(found)))
    for place in ("1.0.0", "999999.0.0", "x", "0.0.0", "9" * 35 + ".0.0", "9" * 50 + ".0.0", "9" * 5_000 + ".0.0"):
        assert server.ask("GET", f"/plans/{plan['job']}/rows?after={place}").status == 400


def test_a_file_that_changed_since_the_plan_stays(server: Server) -> None:
    """A plan that is out of date does what is still right, and says what is not."""
    plan = server.plan()
    (server.root / "b.pdf").write_text("another content")
    (server.root / "d.txt").unlink()
    job = server.carry_out(plan)
    assert (server.root / "b.pdf").read_text() == "another content"
    problems = server.get(f"/files?operation_id={job['operations'][0]}&status=changed&status=missing&status=skipped")
    assert {os.path.basename(each["path"]) for each in problems["files"]} == {"b.pdf", "d.txt"}
    assert all(each["reason"] for each in problems["files"])


def test_a_root_that_vanishes_is_said(server: Server) -> None:
    plan = server.plan()
    server.root.rename(server.folder / "gone")
    assert server.get("")["roots"][0]["is_there"] is False
    begun = server.post("/plans", {"kind": "organize", "paths": [{"path": str(server.root)}]})
    problem = server.ended(begun)["problem"]
    assert (problem["status"], problem["code"]) == (404, "no-such-path")
    assert server.carry_out(plan)["status"] == "failed"
    server.root.mkdir()  # as when another disk is mounted there
    assert server.get("")["roots"][0]["is_there"] is False
    begun = server.post("/plans", {"kind": "organize", "paths": [{"path": str(server.root)}]})
    problem = server.ended(begun)["problem"]
    assert (problem["status"], problem["code"]) == (409, "another-folder")
    assert problem["detail"] == f"Another folder is at {server.root} than when this server was started."
    server.root.rmdir()
    (server.folder / "gone").rename(server.root)
    assert server.get("")["roots"][0]["is_there"] is True


def test_a_plan_that_is_dropped_is_gone(server: Server) -> None:
    plan = server.plan()
    assert server.post(f"/jobs/{plan['job']}/cancel")["status"] == "cancelled"
    answer = server.ask("POST", f"/jobs/{plan['job']}/approve", {"version": plan["version"]})
    assert (answer.status, answer.json["code"]) == (409, "job-ended")


def pid_of_working(status: Path) -> int:
    """Wait until a job does more than to wait for its turn, and return its process."""
    while True:
        with contextlib.suppress(OSError, ValueError):
            said = json.loads(status.read_bytes())
            if "stage" in said:
                return int(said["pid"])


def test_nothing_is_lost_if_the_server_is_killed(server: Server) -> None:
    """The job is a process of its own: it goes on. Killed too, it is found interrupted, continued and undone."""
    for number in range(1500):
        (server.root / f"{number}.jpg").write_text(str(number))
    settle(server.root)
    before = snapshot.take(os.fsencode(server.root))
    plan = server.plan(action="copy")
    server.post(f"/jobs/{plan['job']}/approve", {"version": plan["version"]})
    os.kill(pid_of_working(server.state / f"job-{plan['job']}.status"), signal.SIGKILL)
    server.kill()
    server.start()
    found = server.get(f"/jobs/{plan['job']}")
    assert found["status"] == "interrupted"
    resumed = server.ask("POST", f"/jobs/{plan['job']}/resume")
    assert resumed.status == 202, resumed
    ended = server.until(f"/jobs/{plan['job']}/events")["job"]
    assert ended["status"] == "done"
    assert len(names(server.root)) == 2 * 1505
    for operation in reversed(ended["operations"]):
        undone = server.post(f"/operations/{operation}/undo", {})
        if undone["job"] is not None:  # it was killed before its first change
            assert server.until(f"/jobs/{undone['job']}/events")["job"]["status"] == "done"
    assert snapshot.differences(before, snapshot.take(os.fsencode(server.root))) == []


def test_a_server_that_is_killed_leaves_its_job_alone(server: Server) -> None:
    plan = server.plan()
    server.post(f"/jobs/{plan['job']}/approve", {"version": plan["version"]})
    server.kill()
    server.start()
    assert server.until(f"/jobs/{plan['job']}/events")["job"]["status"] == "done"
    assert "Images/a.jpg" in names(server.root)


def test_duplicates_are_found_listed_and_undone(server: Server) -> None:
    (server.root / "copy.jpg").write_text("a.jpg")
    os.utime(server.root / "copy.jpg", (time.time() - 9999,) * 2)
    begun = server.post("/searches", {"paths": [{"path": str(server.root)}]})
    assert server.ended(begun)["answer"]["summary"]["groups"] == 1
    [group] = server.get("/duplicates")["duplicates"]
    assert {os.path.basename(each["path"]) for each in group["files"]} == {"a.jpg", "copy.jpg"}
    plan = server.plan("dedupe", action="quarantine", keep=["oldest"])
    job = server.carry_out(plan)
    [done] = server.get(f"/operations/{job['operations'][0]}/duplicates")["duplicates"]
    assert done["count"] == 2


def test_a_clean_plan_is_edited_carried_out_and_undone(server: Server) -> None:
    for name in ("old/deep", "gone"):
        (server.root / name).mkdir(parents=True)
    (server.root / "old/nothing.txt").touch()
    (server.root / "void.txt").touch()
    settle(server.root)
    before = snapshot.take(os.fsencode(server.root))
    plan = server.plan("clean", empty_files=True, empty_folders=True)
    assert plan["kind"] == "clean"
    rows = server.rows(plan["job"])
    assert plan["files"] == 5  # two files and three folders
    edited = server.post(
        f"/plans/{plan['job']}/edits", {"version": plan["version"], "leave_out": [row_of(rows, "old/nothing.txt")]}
    )
    # The folder of the file is not empty, so it stays as well.
    assert (edited["files"], edited["left_out"]) == (3, 2)
    plan = server.get(f"/plans/{plan['job']}")
    job = server.carry_out(plan)
    assert (job["status"], job["files"], job["files_done"]) == ("done", 3, 3)
    assert (server.root / "old/nothing.txt").exists()
    assert not any((server.root / name).exists() for name in ("old/deep", "gone", "void.txt"))
    undone = server.post(f"/operations/{job['operations'][0]}/undo", {})
    assert server.until(f"/jobs/{undone['job']}/events")["job"]["status"] == "done"
    assert snapshot.differences(before, snapshot.take(os.fsencode(server.root))) == []


def test_a_plan_takes_the_options_of_a_profile_in_the_roots_only(server: Server) -> None:
    path = server.folder / "config" / "fileorg" / "fileorg.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    tables = [f'[profile.mine]\nroot = "{server.root}"\nby = "extension"\n', '[profile.other]\nroot = "/etc"\n']
    path.write_text("version = 1\n" + "".join(tables))
    assert [each["name"] for each in server.get("/profiles")["profiles"]] == ["mine"]
    for name in ("other", "none", "--config=/etc/passwd"):
        answer = server.ask("POST", "/plans", {"kind": "organize", "paths": [], "profile": name})
        assert (answer.status, answer.json["code"]) == (400, "bad-value"), answer
    begun = server.post("/plans", {"kind": "organize", "paths": [], "profile": "mine"})
    ended = server.ended(begun)
    shown = {row["new_path"] for row in server.rows(ended["answer"]["job"])}
    assert f"{server.root}/jpg/a.jpg" in shown


def test_two_files_do_not_get_one_name_by_an_edit(server: Server) -> None:
    (server.root / "sub").mkdir()
    (server.root / "sub/a.jpg").write_text("another")
    settle(server.root)
    plan = server.plan(recursive=True)
    both = [row["row"] for row in server.rows(plan["job"]) if row["path"] and row["path"].endswith("/a.jpg")]
    move = [{"rows": both, "folder": {"path": f"{server.root}/New"}}]
    answer = server.ask("POST", f"/plans/{plan['job']}/edits", {"version": plan["version"], "move": move})
    assert (len(both), answer.status, answer.json["code"]) == (2, 409, "names-taken")
    assert server.get(f"/plans/{plan['job']}") == plan
    assert server.carry_out(plan)["status"] == "done"


def test_rows_are_left_out_as_bits(server: Server) -> None:
    """Half a million numbers do not fit into a request."""
    plan = server.plan()
    rows = server.rows(plan["job"])
    chosen = [row_of(rows, name) for name in ("a.jpg", "c.mp3", "e.png")]
    path = f"/plans/{plan['job']}/edits"
    for text in (bits_of(1 << len(rows)), "no base 64", "AA=A"):
        answer = server.ask("POST", path, {"version": plan["version"], "leave_out_bits": text})
        assert (answer.status, answer.json["code"]) == (400, "bad-value"), answer
    edited = server.post(path, {"version": plan["version"], "leave_out_bits": bits_of(sum(1 << row for row in chosen))})
    assert (edited["left_out"], edited["files"]) == (3, 2)
    left = {row["path"] for row in server.rows(plan["job"]) if row["path"]}
    assert left == {f"{server.root}/b.pdf", f"{server.root}/d.txt"}


def bits_of(number: int) -> str:
    return base64.b64encode(number.to_bytes(number.bit_length() // 8 + 1, "little")).decode()
