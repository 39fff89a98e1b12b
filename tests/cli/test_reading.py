"""Commands that only read need no right to write: neither the folder that they read nor the state directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cli.screens import Fileorg
from tests.support import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = ("a read-only bind mount", "a read-only disk", "a folder of another user")
FILES = {
    "a.jpg": "photo",
    "b.jpg": "photo",
    "c.pdf": "paper",
    "empty.txt": "",
    "sub/d.mp3": "song",
    "sub/a.jpg": "photo",
}


def mounted(*words: str) -> None:
    if os.geteuid() != 0 or subprocess.run(["mount", *words], check=False, capture_output=True).returncode:
        pytest.skip("a mount needs root, with the right to mount")


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> Iterator[Fileorg]:
    """The program beside a folder `card` that it can read and not write."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        place = Path(folder)
        place.chmod(0o755)
        card = place / "card"
        card.mkdir()
        program = Fileorg(place / "state", place)
        if request.param == "a read-only disk":
            mounted("-t", "tmpfs", "-o", "size=8m", "fileorg-test", str(card))
        for name, content in FILES.items():
            (card / name).parent.mkdir(exist_ok=True)
            (card / name).write_text(content)
            os.utime(card / name, (10**9, 10**9))  # what was written just now may still be open
        (card / "sub/to").symlink_to("../a.jpg")
        (card / "sub/broken").symlink_to("nowhere")
        (card / "hollow").mkdir()
        if request.param == "a folder of another user":
            _give_away(program, card)
        elif request.param == "a read-only disk":
            mounted("-o", "remount,ro", str(card))
        else:
            mounted("--bind", str(card), str(card))
            mounted("-o", "remount,bind,ro", str(card))
        try:
            yield program
        finally:
            if "read-only" in request.param:
                subprocess.run(["umount", str(card)], check=True)


def _give_away(program: Fileorg, card: Path) -> None:
    """Let another user own the files, and take from root the rights that an ordinary user does not have."""
    if os.geteuid() != 0:
        card.chmod(0o555)
        (card / "sub").chmod(0o555)
        return
    if shutil.which("setpriv") is None:
        pytest.skip("root cannot be made to obey permissions here")
    for path in (card, *card.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    program.prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def test_it_is_read_in_every_way(source: Fileorg) -> None:
    before = snapshot.take(bytes(source.folder / "card"))
    words: tuple[str, ...]
    for words in (
        ("scan", "card"),
        ("categorize", "card"),
        ("dedupe", "card"),
        ("duplicates",),
        ("report", "card", "-f", "json", "-o", "-"),
    ):
        ran = source(*words)
        assert (ran.code, ran.err) == (0, ""), words
    ran = source("explain", "card/a.jpg")
    assert ran.code == 0
    assert "card" in ran.out
    for words, shown in (
        (("organize", "card", "-r", "-n"), "5 files"),
        (("organize", "card", "-r", "-n", "--action", "copy", "--dest", "here"), "5 files"),
        (("dedupe", "card", "-n", "--action", "quarantine"), "2 duplicates"),
        (("dedupe", "card", "-n", "--action", "hardlink"), "2 duplicates"),
        (("clean", "card", "-n"), "3 "),
    ):
        ran = source(*words)
        assert ran.code == 0, ran
        assert shown in ran.out.splitlines()[-1], ran
        assert ("A run would be refused." in ran.err) == ("copy" not in words), ran
    assert snapshot.take(bytes(source.folder / "card")) == before


@pytest.mark.parametrize("action", ["copy", "symlink", "hardlink"])
def test_it_is_copied_from_and_linked_to(source: Fileorg, request: pytest.FixtureRequest, action: str) -> None:
    is_another_disk = "disk" in request.node.callspec.params["source"]
    before = snapshot.take(bytes(source.folder / "card"))
    ran = source("organize", "card", "-r", "--action", action, "--dest", "here")
    # The kernel refuses hard links across mounts, and to files of another user.
    if action == "hardlink" and is_another_disk:
        assert (ran.code, ran.out.count("where no hard link can lead"), ran.err) == (0, 6, ""), ran
        return
    if action == "hardlink" and os.geteuid() == 0:
        assert ran.code == 1
        assert ran.err.splitlines()[0] == "5 files could not be processed:"
    else:
        assert (ran.code, ran.err) == (0, ""), ran
        assert (source.folder / "here/Images/a.jpg").read_text() == "photo"
        assert (source.folder / "here/Audio/d.mp3").read_text() == "song"
    ran = source("undo")
    assert (ran.code, ran.err, "Could not" in ran.out) == (0, "", False), ran
    assert not (source.folder / "here").exists()
    assert snapshot.take(bytes(source.folder / "card")) == before


def test_a_change_of_it_is_refused_with_a_way_out(source: Fileorg, request: pytest.FixtureRequest) -> None:
    is_read_only = "another user" not in request.node.callspec.params["source"]
    why = "is on a read-only file system." if is_read_only else "cannot be written: permission denied."
    words: tuple[str, ...]
    for words in (
        ("organize", "card"),
        ("organize", "card", "--action", "copy"),
        ("dedupe", "card", "--action", "quarantine"),
        ("clean", "card"),
    ):
        ran = source(*words)
        assert ran.code == 2, ran
        said, hint = ran.err.splitlines()
        assert said == f"fileorg: card {why}"
        assert hint.startswith(
            "Hint: mount it for writing" if is_read_only else "Hint: check its owner and mode with ls -ld"
        )
        assert ("--action copy --dest DIR" in hint) == (words[0] == "organize")
    other = source.folder / "own"
    other.mkdir()
    (other / "x.jpg").write_text("x")
    ran = source("organize", "own", "--dest", "card/new")
    assert ran.code == 2
    assert why in ran.err
    assert "--dest" in ran.err


# The state directory --------------------------------------------------------------------------------------------------

READING = (
    ("history",),
    ("history", "tree/a.jpg"),
    ("history", "--problems", "1"),
    ("files",),
    ("files", "--sort", "path", "-f", "json"),
    ("duplicates",),
    ("duplicates", "1"),
    ("report", "-f", "json", "-o", "-"),
    ("report", "tree", "-f", "json", "-o", "-"),
    ("categorize", "tree"),
    ("explain", "tree/new.jpg"),
    ("organize", "tree", "-n"),
    ("clean", "tree", "-n"),
    ("undo", "-n"),
    ("redo", "-n"),
    ("purge", "-n"),
)


def facts(place: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in (place, *place.rglob("*"))
    }


@pytest.fixture
def used(fileorg: Fileorg) -> Fileorg:
    """The program after a few operations and a scan."""
    tree = fileorg.folder / "tree"
    tree.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tree / name).write_text("photo")
    assert fileorg("dedupe", "tree", "--action", "quarantine").code == 0
    assert fileorg("organize", "tree").code == 0
    assert fileorg("undo").code == 0
    (tree / "new.jpg").write_text("new")
    assert fileorg("scan", "tree").code == 0
    return fileorg


def test_reading_leaves_the_state_directory_as_it_was(used: Fileorg) -> None:
    before, tree = facts(used.home), facts(used.folder / "tree")
    for words in READING:
        ran = used.inside(*words)
        assert (ran.code, ran.err) == (0, ""), words
        assert facts(used.home) == before, words
    assert facts(used.folder / "tree") == tree


def test_a_state_directory_on_a_read_only_file_system_is_read(used: Fileorg) -> None:
    expected = [used.inside(*words).out for words in READING]
    mounted("--bind", str(used.home), str(used.home))
    try:
        mounted("-o", "remount,bind,ro", str(used.home))
        words: tuple[str, ...]
        for words, out in zip(READING, expected, strict=True):
            ran = used.inside(*words)
            assert (ran.code, ran.err) == (0, ""), words
            assert ran.out.splitlines()[:2] == out.splitlines()[:2], words
        note = f"The state directory {used.home} is on a read-only file system."
        for words in (("scan", "tree"), ("dedupe", "tree"), ("dedupe", "tree", "-n", "--action", "quarantine")):
            ran = used.inside(*words)
            assert (ran.code, ran.err) == (0, f"fileorg: {note} The result is not kept for the next run.\n"), words
        for words in (("organize", "tree"), ("undo",), ("dedupe", "tree", "--action", "quarantine"), ("recover",)):
            ran = used.inside(*words)
            assert (ran.code, ran.err.splitlines()[0]) == (2, f"fileorg: {note}"), words
    finally:
        subprocess.run(["umount", str(used.home)], check=True)


def test_a_state_directory_is_not_made_to_read_it(fileorg: Fileorg) -> None:
    tree = fileorg.folder / "tree"
    tree.mkdir()
    (tree / "new.jpg").write_text("new")
    for words, code, said in (
        (("history",), 0, "No operations yet"),
        (("history", "tree/new.jpg"), 0, "No operations yet"),
        (("files",), 0, "No operations yet"),
        (("duplicates",), 0, "No duplicate groups.\n"),
        (("purge", "-n"), 0, "The trash is empty.\n"),
        (("report",), 0, "No operations yet.\n"),
        (("undo", "-n"), 0, "Nothing to undo"),
        (("redo", "-n"), 0, "Nothing to redo"),
        (("undo", "3", "-n"), 2, "fileorg: There is no operation 3.\n"),
        (("files", "3"), 2, "fileorg: There is no operation 3.\n"),
        (("purge", "3", "-n"), 2, "fileorg: There is no operation 3.\n"),
        (("report", "tree"), 2, "fileorg: tree is neither an operation number"),
        (("organize", "tree", "-n"), 0, ""),
        (("clean", "tree", "-n"), 0, ""),
        (("explain", "tree/new.jpg"), 0, ""),
    ):
        ran = fileorg.inside(*words)
        assert ran.code == code, ran
        assert (ran.err if code else ran.out).startswith(said), ran
        assert not fileorg.home.exists(), words
    assert fileorg("files", "-f", "json").json == {
        "operation": None, "files": [], "total": 0, "page": 1, "page_size": 25,
    }  # fmt: skip


def test_a_dry_run_of_undo_leaves_a_killed_run_alone(used: Fileorg) -> None:
    """Only a command that changes files recovers what a killed run has left."""
    kill = {"FILEORG_HOME": str(used.home)}
    script = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1] + '/journal.db', isolation_level=None)\n"
        "db.execute('PRAGMA journal_mode=WAL')\n"
        "db.execute(\"UPDATE operations SET state = 'running', pid = 4194305 WHERE id = 1\"); os._exit(9)\n"
    )
    subprocess.run([shutil.which("python3") or "python3", "-c", script, str(used.home)], check=False, env=kill)
    assert (used.home / "journal.db-wal").stat().st_size
    before = facts(used.home)
    assert "interrupted" in used("history").out
    ran = used("undo", "1", "-n")
    assert ran.code == 2
    assert "interrupted" in ran.err
    assert used("purge", "-n").code == 0
    assert facts(used.home) == before
