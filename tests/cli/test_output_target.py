"""Targets of `-o`: inherited descriptors, and the user's own pipes and devices, are written to directly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fileorg.core.errors import GuardRefused
from fileorg.workflows.output_target import written

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

_NOBODY = 65534
_SCAN = f"{sys.executable} -m fileorg scan tree -f json"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


def shell(fileorg: Fileorg, script: str) -> subprocess.CompletedProcess[str]:
    words = ["timeout", "20", "bash", "-c", script.replace("SCAN", _SCAN)]
    environment = fileorg.environment()
    return subprocess.run(words, cwd=fileorg.folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1", "link"])
@pytest.mark.parametrize("opened", [">>log", ">log", "| cat >log"])
def test_a_descriptor_is_written_to_as_it_is(fileorg: Fileorg, mess: Tree, name: str, opened: str) -> None:
    (fileorg.folder / "link").symlink_to("/dev/stdout")
    log = fileorg.folder / "log"
    log.write_text("before\n")
    number = log.stat().st_ino
    ran = shell(fileorg, f"(echo start; SCAN -o {name}; echo end) {opened}")
    assert (ran.returncode, ran.stderr) == (0, "")
    start, *document, end = log.read_text().removeprefix("before\n" if opened == ">>log" else "").splitlines()
    assert (start, json.loads("\n".join(document))["files"], end) == ("start", 6, "end")
    assert log.stat().st_ino == number


def test_other_descriptors_are_too(fileorg: Fileorg, mess: Tree) -> None:
    ran = shell(fileorg, "SCAN -o /dev/fd/3 3>three; SCAN -o /dev/stderr 2>err; SCAN -o >(cat >sub; echo >>ready)")
    assert (ran.returncode, ran.stdout) == (0, "")
    shell(fileorg, "until test -s ready; do sleep 0.05; done")
    for name in ("three", "err", "sub"):
        assert json.loads((fileorg.folder / name).read_text())["files"] == 6


def test_a_file_that_is_gone_gets_no_new_name(fileorg: Fileorg, mess: Tree) -> None:
    ran = shell(fileorg, "exec 4<>gone; rm gone; SCAN -o /dev/fd/4 && cat /dev/fd/4")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["files"] == 6
    assert sorted(os.listdir(fileorg.folder)) == ["state", "tree"]


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("SCAN -o /dev/fd/7", "Could not write the output /dev/fd/7: Bad file descriptor."),
        ("SCAN -o /dev/fd/99999999999", "Could not write the output /dev/fd/99999999999: Bad file descriptor."),
        ("SCAN -o /dev/fd/x", "Could not write the output /dev/fd/x: Bad file descriptor."),
        ("SCAN -o /dev/stdin </dev/null", "Could not write the output /dev/stdin: it is not open for writing."),
        ("SCAN -o /proc/$$/fd/1; exit $?", "fd/1: it belongs to another process."),
        ("mkfifo p; SCAN -o p", "Could not write the output p: no program reads this pipe."),
        ("SCAN -o tree/", "Could not write the output tree/: Is a directory."),
    ],
)
def test_what_cannot_be_written_is_said(fileorg: Fileorg, mess: Tree, script: str, sentence: str) -> None:
    ran = shell(fileorg, script)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert sentence in ran.stderr


def test_a_pipe_and_a_device_of_ones_own_are_written_to(fileorg: Fileorg, mess: Tree) -> None:
    ran = shell(fileorg, "mkfifo p; (sleep 0.5; cat p >got) & SCAN -o p && SCAN -o /dev/null; wait; test -p p")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert json.loads((fileorg.folder / "got").read_text())["files"] == 6


@needs_root
@pytest.mark.parametrize("make", ["mkfifo share/it", "mknod share/it c 1 3", "mknod share/it b 7 200"])
def test_a_pipe_or_a_device_of_another_user_is_not_opened(fileorg: Fileorg, mess: Tree, make: str) -> None:
    script = f"mkdir -m 1777 share; {make} || exit 9; chown -h {_NOBODY} share/it; ln -s share/it link; SCAN -o "
    for name in ("share/it", "link"):
        ran = shell(fileorg, f"{script}{name}")
        if ran.returncode == 9:
            pytest.skip("NOT TESTED: no device can be made here")
        assert (ran.returncode, ran.stdout) == (2, "")
        assert f"Could not write the output {name}: it is another user's pipe or device." in ran.stderr
        shell(fileorg, "rm -r share link")


def test_a_link_of_ones_own_leads_to_the_file(fileorg: Fileorg, mess: Tree) -> None:
    (fileorg.folder / "own").symlink_to("old")
    (fileorg.folder / "old").write_text("old")
    assert fileorg("scan", "tree", "-f", "json", "-o", "own").code == 5
    assert (fileorg.folder / "old").read_text() == "old"
    assert fileorg("scan", "tree", "-f", "json", "-o", "own", "--force").code == 0
    assert json.loads((fileorg.folder / "old").read_text())["files"] == 6
    assert (fileorg.folder / "own").is_symlink()


# Files that are there -------------------------------------------------------------------------------------------------

WITH_OUTPUT = {
    "organize": ["organize", "tree", "-n", "-f", "json"],
    "a real run": ["organize", "tree", "-f", "json"],
    "dedupe": ["dedupe", "tree"],
    "dedupe --action": ["dedupe", "tree", "--action", "quarantine"],
    "clean": ["clean", "tree"],
    "undo": ["undo", "1"],
    "redo": ["redo", "1"],
    "purge": ["purge", "--yes"],
    "scan": ["scan", "tree"],
    "categorize": ["categorize", "tree", "-0"],
    "explain": ["explain", "tree/what"],
    "files": ["files"],
    "duplicates": ["duplicates"],
    "history": ["history"],
    "report": ["report"],
    "report json": ["report", "-f", "json"],
}


@pytest.mark.parametrize("words", WITH_OUTPUT.values(), ids=WITH_OUTPUT)
def test_a_file_that_is_there_is_kept(fileorg: Fileorg, mess: Tree, words: list[str]) -> None:
    fileorg("organize", "tree")
    mess.write({"late.jpg": "late", "later.jpg": "late"})
    before = mess.snapshot()
    kept = fileorg.folder / "kept"
    kept.write_text("from before")
    ran = fileorg(*words, "-o", "kept")
    assert (ran.code, ran.out) == (5, "")
    message, hint = "The output kept is there already.", "name another file, or replace this one with --force"
    if "json" in words:
        error = json.loads(ran.err)["error"]
        assert (error["code"], error["message"], error["hint"], error["exit"]) == ("output-exists", message, hint, 5)
    else:
        assert ran.err == f"fileorg: {message}\nHint: {hint}\n"
    assert kept.read_text() == "from before"
    assert mess.snapshot() == before


def test_force_replaces_it_when_all_is_written(fileorg: Fileorg, mess: Tree) -> None:
    kept = fileorg.folder / "kept"
    kept.write_text("from before")
    with kept.open() as opened:
        assert fileorg("scan", "tree", "-f", "json", "-o", "kept", "--force").code == 0
        assert opened.read() == "from before"  # another file has the name now
    assert json.loads(kept.read_text())["files"] == 6
    assert fileorg("scan", "nowhere", "-f", "json", "-o", "kept", "--force").code == 2
    assert json.loads(kept.read_text())["files"] == 6
    assert sorted(os.listdir(fileorg.folder)) == ["kept", "state", "tree"]


def test_force_does_not_replace_a_folder(fileorg: Fileorg, mess: Tree) -> None:
    before = mess.snapshot()
    ran = fileorg("scan", "tree", "-o", "tree", "--force")
    assert (ran.code, ran.out) == (2, "")
    assert mess.snapshot() == before


def test_a_file_made_meanwhile_is_kept_too(fileorg: Fileorg) -> None:
    kept = fileorg.folder / "kept"

    def write() -> None:
        with written(str(kept)) as stream:
            stream.write("the output")
            kept.write_text("by another program")

    with pytest.raises(GuardRefused, match="Another program has just made") as refused:
        write()
    assert kept.read_text() == "by another program"
    [beside] = fileorg.folder.glob("kept.fileorg-*")
    assert beside.read_text() == "the output"
    assert beside.name in str(refused.value)


def test_a_dash_is_standard_output(fileorg: Fileorg, mess: Tree) -> None:
    for words in (["organize", "tree", "-n"], ["categorize", "tree"], ["history"]):
        assert fileorg(*words, "-f", "json", "-o", "-").json == fileorg(*words, "-f", "json").json
    assert not (fileorg.folder / "-").exists()
