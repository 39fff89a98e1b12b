"""The command in front of a real server: what it prints, its exit codes, and that it writes no credentials down."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.storage.object import servers
from tests.storage.object.conftest import seaweedfs
from tests.support.buckets import Bucket
from tests.support.warm_python import run_fileorg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.storage.object.servers import S3Server

__all__ = ["seaweedfs"]  # a fixture for the tests here, too


@pytest.fixture
def fileorg(seaweedfs: S3Server, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    environment = os.environ | seaweedfs.environment | {"FILEORG_HOME": str(tmp_path / "state")}

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        ran = run_fileorg(words, tmp_path, environment | more, environment)
        return subprocess.CompletedProcess(ran.args, ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    return run


@pytest.fixture
def bucket(seaweedfs: S3Server) -> Iterator[Bucket]:
    with servers.opened_bucket(seaweedfs, "commands") as client:
        yield Bucket(client, "inbox/")


def test_a_folder_of_a_bucket_is_organized_and_undone(
    fileorg: Callable[..., subprocess.CompletedProcess[str]], bucket: Bucket, tmp_path: Path
) -> None:
    bucket.write({"a.jpg": "1", "deep/b.pdf": "2"}, metadata={"of": "a user"})
    before = bucket.snapshot()
    assert "Images" in fileorg("scan", "s3://commands/inbox").stdout
    ran = fileorg("organize", "s3://commands/inbox", "-r")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Moved 2 files" in ran.stdout
    assert bucket.read() == {"Images/a.jpg": "1", "Documents/b.pdf": "2"}
    assert fileorg("undo", "1").returncode == 0
    assert bucket.snapshot() == before
    assert "s3://commands/inbox" in fileorg("history").stdout
    (tmp_path / "fileorg.toml").write_text(
        f'version = 1\n[storage.weed]\nendpoint = "{os.environ["AWS_ENDPOINT_URL_S3"]}"\naddressing = "path"\n'
    )
    ran = fileorg("organize", "weed://commands/inbox", FILEORG_CONFIG="fileorg.toml")
    assert (ran.returncode, bucket.read()) == (0, {"Images/a.jpg": "1", "deep/b.pdf": "2"}), ran.stderr
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert b"commands/inbox" in kept
    assert servers.SECRET_KEY.encode() not in kept


def test_own_rules_in_a_bucket(
    fileorg: Callable[..., subprocess.CompletedProcess[str]], bucket: Bucket, tmp_path: Path
) -> None:
    url, bucket = "s3://commands/ruled", Bucket(bucket.client, "ruled/")
    bucket.write({"a.pdf": "1", "deep/b.dmg": "2", "deep/c.dmg": "3", "d.jpg": "4", "e.xyz": "5"})
    before = bucket.snapshot()
    (tmp_path / "fileorg.toml").write_text(
        'version = 1\n[[rule]]\nname = "installers"\nwhen = { ext = "dmg", in = "s3://commands/ruled/deep" }\n'
        'action = "trash"\n[[rule]]\nname = "papers"\nwhen = { ext = "pdf" }\nto = "Papers/{stem:upper}.{ext}"\n'
        '[categories.Own]\nextensions = ["xyz"]\n[profile.bucket]\nroot = "s3://commands/ruled"\nrecursive = true\n'
    )
    ran = fileorg("organize", "--profile", "bucket", "-n", FILEORG_CONFIG="fileorg.toml")
    assert "deep/b.dmg -> .fileorg/trash/0/deep/b.dmg" in ran.stdout, ran
    assert bucket.snapshot() == before
    ran = fileorg("organize", url, "-r", FILEORG_CONFIG="fileorg.toml")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Moved 5 files" in ran.stdout
    assert bucket.snapshot() == {
        "Papers/A.pdf": before["a.pdf"],
        ".fileorg/trash/1/deep/b.dmg": before["deep/b.dmg"],
        ".fileorg/trash/1/deep/c.dmg": before["deep/c.dmg"],
        "Images/d.jpg": before["d.jpg"],
        "Own/e.xyz": before["e.xyz"],
    }
    assert fileorg("undo", "1").returncode == 0
    assert bucket.snapshot() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["scan", "s3://no-such-bucket/x"], "fileorg: There is no bucket no-such-bucket."),
        (["organize", "s3://key:secret@commands/x"], "fileorg: A URL of s3:// holds no user and no password."),
        (["scan", "s3://commands/x", "--dates"], "fileorg: fileorg cannot yet use --dates on s3://."),
        (["scan", "s3://commands/x", "--mismatch"], "fileorg: fileorg cannot yet use --mismatch on s3://."),
        (
            ["organize", "s3://commands/x", "--fix-extensions"],
            "fileorg: fileorg cannot yet use --fix-extensions on s3://.",
        ),
        (["watch", "s3://commands/x"], "fileorg: fileorg cannot watch a store: s3://commands/x."),
        (["watch", ".", "--dest", "s3://commands/x"], "fileorg: fileorg cannot watch a store: s3://commands/x."),
        (["import", "s3://commands/x", "--dest", "."], "fileorg: fileorg cannot yet run this command on s3://."),
        (["import", ".", "--dest", "sftp://host/x"], "fileorg: fileorg cannot yet change anything on sftp://."),
        (["rename", "s3://commands/no-such-folder"], "fileorg: There is nothing in s3://commands/no-such-folder."),
        (["rename", "sftp://host/x"], "fileorg: fileorg cannot yet change anything on sftp://."),
    ],
)
def test_a_refusal_is_one_sentence(
    fileorg: Callable[..., subprocess.CompletedProcess[str]], words: list[str], says: str
) -> None:
    ran = fileorg(*words)
    assert (ran.returncode, ran.stdout, ran.stderr.splitlines()[0]) == (2, "", says)
    assert "secret" not in ran.stderr


def test_folders_that_are_only_marked_are_cleaned(
    fileorg: Callable[..., subprocess.CompletedProcess[str]], bucket: Bucket
) -> None:
    url, bucket = "s3://commands/marked", Bucket(bucket.client, "marked/")
    bucket.write({"old/": "", "full/": "", "full/a.jpg": "1", "none.txt": ""})
    rows = json.loads(fileorg("clean", url, "-n", "-f", "json").stdout)["rows"]
    assert [(row["action"], row["path"]) for row in rows] == [
        ("move", f"{url}/none.txt"), ("remove-folder", f"{url}/old"),
    ]  # fmt: skip
    ran = fileorg("clean", url)
    assert ("old/" in ran.stdout, ran.returncode, ran.stderr) == (True, 0, "")
    assert bucket.keys() == [".fileorg/trash/1/none.txt", "full/", "full/a.jpg"]
    assert fileorg("undo", "1").returncode == 0
    assert bucket.keys() == ["full/", "full/a.jpg", "none.txt", "old/"]


def test_the_path_of_an_error_is_a_url(fileorg: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    ran = fileorg("scan", "s3://no-such-bucket/x", "-f", "json")
    assert json.loads(ran.stderr)["error"]["path"] == "s3://no-such-bucket/x"


def test_an_object_is_explained(fileorg: Callable[..., subprocess.CompletedProcess[str]], bucket: Bucket) -> None:
    url, bucket = "s3://commands/explained", Bucket(bucket.client, "explained/")
    bucket.write({"a.jpg": "1", "b.pdf": "2", "b.pdf.part": "half"})
    ran = fileorg("explain", f"{url}/a.jpg", f"{url}/b.pdf", f"{url}/missing")
    assert ran.stdout.splitlines() == [
        f"{url}/a.jpg", f"  moves to {url}/Images/a.jpg", "  category: Images (extension .jpg)",
        f"{url}/b.pdf", f"  skipped: unfinished download (see {url}/b.pdf.part)",
        "  category: Documents (extension .pdf)",
    ]  # fmt: skip
    assert (ran.returncode, ran.stderr.splitlines()[0]) == (2, f"fileorg: There is no file {url}/missing.")


def test_duplicates_of_a_bucket_go_to_the_trash_and_back(
    fileorg: Callable[..., subprocess.CompletedProcess[str]], bucket: Bucket
) -> None:
    url, bucket = "s3://commands/twice", Bucket(bucket.client, "twice/")
    bucket.write({"a.jpg": "same", "deep/b.jpg": "same", "c.jpg": "else"}, metadata={"of": "a user"})
    before = bucket.snapshot()
    found = json.loads(fileorg("dedupe", url, "-f", "json").stdout)
    assert [each["path"] for each in found["duplicates"][0]["files"]] == [f"{url}/a.jpg", f"{url}/deep/b.jpg"]
    assert "deep/b.jpg" in fileorg("dedupe", url, "--action", "quarantine", "-n").stdout
    assert bucket.snapshot() == before
    ran = fileorg("dedupe", url, "--action", "quarantine")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert bucket.read() == {"a.jpg": "same", "c.jpg": "else", ".fileorg/trash/1/deep/b.jpg": "same"}
    assert fileorg("undo", "1").returncode == 0
    assert bucket.snapshot() == before
    assert fileorg("dedupe", url, "--action", "quarantine", "--background").returncode == 0
    assert fileorg("jobs", "attach", "3").returncode == 0
    ran = fileorg("purge", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert bucket.read() == {"a.jpg": "same", "c.jpg": "else"}
    ran = fileorg("dedupe", url, "--action", "hardlink")
    assert (ran.returncode, ran.stderr.partition("\n")[0]) == (2, f"fileorg: A store has no links: {url}.")


def test_a_plan_of_a_bucket_is_saved_and_applied(
    fileorg: Callable[..., subprocess.CompletedProcess[str]], bucket: Bucket, tmp_path: Path
) -> None:
    url, bucket = "s3://commands/saved", Bucket(bucket.client, "saved/")
    bucket.write({"a.jpg": "same", "b.jpg": "same", "c.pdf": "text"}, metadata={"of": "a user"})
    before = bucket.snapshot()
    ran = fileorg("organize", url, "--save-plan", "plan.jsonl")
    assert f"fileorg apply plan.jsonl --root {url}" in ran.stdout, ran
    assert "3 files" in fileorg("apply", "plan.jsonl", "--root", url, "-n").stdout
    assert bucket.snapshot() == before
    ran = fileorg("apply", "plan.jsonl", "--root", "s3://commands/elsewhere")
    assert (ran.returncode, "is not in the folder of the plan" in ran.stderr) == (5, True), ran
    ran = fileorg("apply", "plan.jsonl", "--root", url)
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert bucket.read() == {"Images/a.jpg": "same", "Images/b.jpg": "same", "Documents/c.pdf": "text"}
    assert fileorg("undo", "1").returncode == 0
    assert bucket.snapshot() == before
    bucket.write({"c.pdf": "else"})
    assert fileorg("dedupe", url, "--action", "quarantine", "--save-plan", "dedupe.jsonl").returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "dedupe.jsonl").read_text().splitlines()]
    assert [(row["action"], row["path"]) for row in rows] == [("trash", f"{url}/b.jpg")]
    ran = fileorg("apply", "plan.jsonl", "--root", url, "--partial")
    assert (ran.returncode, bucket.read()["c.pdf"]) == (1, "else"), ran


def test_a_plan_of_a_bucket_is_edited(
    fileorg: Callable[..., subprocess.CompletedProcess[str]], bucket: Bucket, tmp_path: Path
) -> None:
    url, bucket = "s3://commands/edited", Bucket(bucket.client, "edited/")
    bucket.write({"a.jpg": "1", "b.pdf": "2"})
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's,\tImages/a.jpg,\tOwn/a.jpg,; s,\tDocuments/,\tImages/,' \"$1\"\n")
    editor.chmod(0o700)
    ran = fileorg("organize", url, "--edit", "--yes", EDITOR=str(editor))
    assert (ran.returncode, bucket.read()) == (0, {"Own/a.jpg": "1", "Images/b.pdf": "2"}), ran
    assert fileorg("undo", "1").returncode == 0
    assert bucket.read() == {"a.jpg": "1", "b.pdf": "2"}


def test_objects_are_renamed_in_an_editor(
    fileorg: Callable[..., subprocess.CompletedProcess[str]], bucket: Bucket, tmp_path: Path
) -> None:
    url, bucket = "s3://commands/named", Bucket(bucket.client, "named/")
    bucket.write({"a b.jpg": "1", "b.pdf": "2", "deep/c.txt": "3", ".hidden": "4"}, metadata={"of": "a user"})
    before = bucket.snapshot()
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/shown\nsed -i "$SED" "$1"\n')
    editor.chmod(0o700)
    ran = fileorg("rename", url, "--yes", EDITOR=str(editor), SED="s,\ta b,\tnew/a b,")
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    shown = [line for line in (tmp_path / "shown").read_text().splitlines() if not line.startswith("#")]
    assert shown == ["1\ta b.jpg", "2\tb.pdf", "3\tdeep"]
    assert bucket.read() == {"new/a b.jpg": "1", "b.pdf": "2", "deep/c.txt": "3", ".hidden": "4"}
    exchange = "s,\tdeep/c.txt,\tx,;s,\tb.pdf,\tdeep/c.txt,;s,\tx,\tb.pdf,"
    ran = fileorg("rename", f"{url}/", "-r", "--yes", EDITOR=str(editor), SED=f"{exchange};s,\tnew/,\t,")
    assert bucket.read() == {"a b.jpg": "1", "b.pdf": "3", "deep/c.txt": "2", ".hidden": "4"}, ran
    for number in ("2", "1"):
        assert fileorg("undo", number).returncode == 0
    assert bucket.snapshot() == before


def test_the_undo_of_an_upload_is_not_saved(
    fileorg: Callable[..., subprocess.CompletedProcess[str]], bucket: Bucket, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.jpg").write_text("1")
    assert fileorg("organize", "tree", "--dest", "s3://commands/up").returncode == 0
    ran = fileorg("undo", "1", "--save-plan", "plan.jsonl")
    says = "fileorg: fileorg cannot yet save the undo of what left a folder or came into one on s3://."
    assert (ran.returncode, ran.stderr.splitlines()[0]) == (2, says)
    assert not (tmp_path / "plan.jsonl").exists()


def test_a_card_is_imported_into_a_bucket(
    fileorg: Callable[..., subprocess.CompletedProcess[str]], bucket: Bucket, tmp_path: Path
) -> None:
    url, bucket = "s3://commands/photos", Bucket(bucket.client, "photos/")
    bucket.write({"older/b.jpg": "two"})
    card = tmp_path / "card"
    card.mkdir()
    for name, content in {"a.jpg": "one", "b.jpg": "two"}.items():
        (card / name).write_text(content)
    ran = fileorg("import", "card", "--dest", url, "--certificate", "certificate.html", "--yes")
    assert (ran.returncode, bucket.read()) == (0, {"older/b.jpg": "two", "Images/a.jpg": "one"}), ran
    assert "Everything is there: the content of 2 files" in ran.stdout
    assert "by the checksums of the store" in " ".join(ran.stdout.split())
    assert "The card may be formatted" in (tmp_path / "certificate.html").read_text()
    bucket.remove("older/b.jpg")
    assert fileorg("undo", "1").returncode == 0
    assert bucket.read() == {}
    ran = fileorg("import", "card", "--dest", url, "-n", "--format", "json")
    assert [row["new_path"] for row in json.loads(ran.stdout)["rows"]] == [f"{url}/Images/{each}.jpg" for each in "ab"]
