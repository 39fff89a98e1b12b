"""Every command with `--format json` writes what its schema says: on success, in a dry run, with nothing to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from tests.support.json_page import PAGE, page

from fileorg.cli.commands import COMMANDS
from fileorg.report.records import json_schema
from fileorg.report.schemas import SCHEMAS

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

BANNED = {
    "size", "source", "target", "original_path", "state", "role", "changed", "modified", "when", "error", "freed",
    "keeper", "exit_code", "source_b64", "target_b64", "bytes",
}  # fmt: skip
"""Names that other names have replaced. `error` is that of an error, `changed` a list of recover."""

STEPS: list[tuple[list[str], str]] = [
    (["report", "-o", "-"], "report"),
    (["undo"], "result"),
    (["redo"], "result"),
    (["history"], "history"),
    (["recover"], "recover"),
    (["purge", "--dry-run"], "purge plan"),
    (["purge", "--yes"], "purge result"),
    (["scan", "tree"], "scan"),
    (["scan", "tree", "sub", "--min-size", "1", "--older-than", "1d"], "scan"),
    (["scan", "tree", "--mismatch"], "mismatches"),
    (["scan", "tree", "--dates"], "dates"),
    (["categorize", "tree"], "categorize"),
    (["explain", "tree/photo.jpg", "tree/what", "tree/film.mkv.part"], "explain"),
    (["organize", "tree", "--dry-run"], "plan"),
    (["organize", "tree", "-n", "-r", "--stays", "--on-conflict", "skip"], "plan"),
    (["organize", "tree", "-n", "--dest", "sorted"], "plan"),
    (["organize", "tree", "copies", "-n", "--stays"], "plan"),
    (["clean", "tree", "copies", "-n"], "plan"),
    (["organize", "tree"], "result"),
    (["organize", "tree"], "result"),
    (["undo"], "result"),
    (["undo", "1", "-n"], "plan"),
    (["undo", "1"], "result"),
    (["undo", "1"], "result"),
    (["redo", "-n"], "plan"),
    (["redo"], "result"),
    (["files"], "files"),
    (["files", "1", "--status", "undone"], "files"),
    (["history"], "history"),
    (["history", "tree/photo.jpg"], "trail"),
    (["history", "tree/nothing"], "trail"),
    (["history", "--problems", "1"], "problems"),
    (["duplicates"], "duplicates"),
    (["compare", "sub", "tree"], "compare"),
    (["compare", "tree", "sub", "--dest", "rescued", "-n"], "plan"),
    (["categories"], "categories"),
    (["categories", "changes"], "category changes"),
    (["rules", "--config", "fileorg.toml"], "rules"),
    (["dedupe", "tree", "sub"], "duplicates found"),
    (["duplicates"], "duplicates"),
    (["dedupe", "tree", "sub", "--action", "quarantine", "-n"], "plan"),
    (["dedupe", "tree", "sub", "--action", "quarantine"], "result"),
    (["dedupe", "tree", "sub", "--action", "quarantine"], "result"),
    (["duplicates", "4"], "duplicates"),
    (["clean", "tree", "-n"], "plan"),
    (["clean", "tree"], "result"),
    (["clean", "tree"], "result"),
    (["undo", "5", "-n"], "plan"),
    (["purge", "--dry-run"], "purge plan"),
    (["purge", "--yes"], "purge result"),
    (["recover"], "recover"),
    (["storage", "check", "memory://bucket/x"], "storage"),
    (["report", "-o", "-"], "report"),
    (["report", "4", "-o", "-"], "report"),
    (["report", "tree", "-o", "-"], "report"),
    (["organize", "copies", "--action", "copy", "-n"], "plan"),
    (["organize", "copies", "--action", "copy"], "result"),
    (["undo", "--in", "copies", "-n"], "plan"),
    (["undo", "--in", "copies"], "result"),
    (["history"], "history"),
    (["organize", "copies", "--background"], "job started"),
    (["jobs", "attach", "9"], "job"),
    (["jobs"], "jobs"),
    (["jobs", "show", "9"], "job"),
    (["jobs", "prune"], "pruned jobs"),
    (["watch", "copies", "--once", "--settle", "0.1s"], "watch event"),
    (["watch", "--status"], "watches"),
    (["import", "copies", "--dest", "album", "-n"], "plan"),
    (["import", "copies", "--dest", "album", "--certificate", "album.json"], "import"),
    (["import", "copies", "--dest", "album"], "import"),
    (["apply", "names.csv", "--root", "album", "--partial", "-n"], "plan"),
    (["apply", "names.csv", "--root", "album", "--yes"], "result"),
    (["rename", "album", "--yes"], "result"),
    (["report", "-o", "-"], "report"),
]


def check(data: Any, shape: str) -> None:
    """Check a document against its schema. No old name may be in it, and paths are absolute."""
    schema = json.loads(json_schema()) if shape == "report" else SCHEMAS[shape][1]
    Draft202012Validator.check_schema(schema)
    schema = strict(schema)
    errors = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(data)
    ]
    assert errors == []
    assert names_of(data) & BANNED <= ({"error"} if shape in {"error", "event"} else {"changed"})


def strict(schema: Any) -> Any:
    """Return the schema without room for fields that it does not name: each one that a command writes is in it."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(value) for key, value in schema.items()}
    return {"additionalProperties": False} | found if isinstance(schema.get("properties"), dict) else found


def names_of(data: Any) -> set[str]:
    if isinstance(data, list):
        return set().union(*map(names_of, data))
    if isinstance(data, dict):
        return set(data).union(*(names_of(value) for key, value in data.items() if key not in {"counts", "options"}))
    return set()


@pytest.fixture
def worked(fileorg: Fileorg, mess: Tree, monkeypatch: pytest.MonkeyPatch) -> Fileorg:
    monkeypatch.setenv("VISUAL", "touch")  # an editor that saves what it was given
    mess.write({"one.bin": "the same", "two.bin": "the same", "empty.txt": "", "a/b/c.jpg": "x"})
    mess.path("hollow").mkdir()
    rules = 'version = 1\n[[rule]]\nwhen = { ext = "pdf" }\nto = "Papers"\nmatches = ["a.pdf"]\n'
    (fileorg.folder / "fileorg.toml").write_text(rules)
    mess.path("broken").symlink_to("nowhere")
    (Path(mess.root) / "not utf \udcff.png").write_text("x")
    (fileorg.folder / "sub").mkdir()
    (fileorg.folder / "sub" / "three.bin").write_text("the same")
    (fileorg.folder / "copies").mkdir()
    (fileorg.folder / "copies" / "photo.jpg").write_text("jpg")
    (fileorg.folder / "names.csv").write_text("path,new_path\nImages/photo.jpg,Images/picture.jpg\n")
    return fileorg


def test_every_command_in_a_long_session(worked: Fileorg) -> None:
    for words, shape in STEPS:
        ran = worked.inside(*words, "--format", "json")
        assert (ran.code, ran.err) == (0, ""), (words, ran.err)
        try:
            check(ran.json, shape)
        except AssertionError as error:
            raise AssertionError(words) from error
    check(json.loads((worked.folder / "album.json").read_text()), "certificate")


def test_each_command_that_writes_json_is_in_the_session() -> None:
    assert {words[0] for words, _ in STEPS} == COMMANDS.keys() - {"demo", "serve", "mcp"}
    elsewhere = {"blocked", "certificate", "error", "event", "job log", "log line", "operations of a job"}
    assert {shape for _, shape in STEPS} | elsewhere == SCHEMAS.keys() | {"report"}


def test_files_that_could_not_be_done(worked: Fileorg, mess: Tree) -> None:
    worked("organize", "tree")
    mess.write({"photo.jpg": "another"})
    ran = worked("undo", "-f", "json")
    assert ran.code == 1
    check(ran.json, "result")
    assert ran.json["problems"][0]["path"] == str(mess.path("Images/photo.jpg"))
    for words in (["history", "--problems", "2"], ["history", "tree/photo.jpg"]):
        check(worked(*words, "-f", "json").json, "problems" if "--problems" in words else "trail")
    assert worked("history", "--problems", "2", "-f", "json").json["problems"][0]["path"] == str(
        mess.path("Images/photo.jpg")
    )


def test_a_refused_undo_names_what_comes_first(worked: Fileorg) -> None:
    worked("organize", "tree")
    worked("organize", "tree/Images", "--by", "extension")
    ran = worked("undo", "1", "-f", "json")
    assert ran.code == 5
    check(ran.json, "blocked")
    check(json.loads(ran.err), "error")


def test_a_declined_run_is_a_result(worked: Fileorg) -> None:
    terminal = worked.terminal("organize", "tree", "-f", "json", "-o", "out.json")
    terminal.wait_for("[y/N")
    terminal.send("n\n")
    assert terminal.end() == 3
    check(json.loads((worked.folder / "out.json").read_text()), "result")


def test_events(worked: Fileorg) -> None:
    for words in (["scan", "tree"], ["organize", "tree"], ["organize", "nowhere"], ["organize", "tree", "--nonsense"]):
        events = [json.loads(line) for line in worked(*words, "--progress", "json").err.splitlines()]
        assert events
        for event in events:
            check(event, "event")


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        (["categorize", "tree"], "path,category,evidence,size_bytes"),
        (["dedupe", "tree"], "group,hash,size_bytes,status,path"),
        (["duplicates"], "group,hash,size_bytes,status,path"),
        (
            ["history"],
            (
                "operation,kind,root,dest,started,ended,files,size_bytes,problems,status,undone_by,stopped_early,partly_purged,"
                "undoes,in_part,client"
            ),
        ),
        (["history", "tree/x"], "operation,kind,started,action,path,new_path,status,reason,reason_code"),
        (["history", "--problems", "1"], "path,status,reason,reason_code"),
        (["files"], "record,status,action,category,size_bytes,path,new_path,reason,kept_path,mtime"),
    ],
)
def test_csv_has_the_same_names(worked: Fileorg, words: list[str], titles: str) -> None:
    worked("organize", "tree")
    assert worked(*words, "-f", "csv").out.splitlines()[0] == titles


def test_the_page_is_that_of_the_schemas() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(PAGE.read_text(encoding="utf-8"))
