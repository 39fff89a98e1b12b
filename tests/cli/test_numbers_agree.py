"""The same thing has the same number in a plan, a result, history, reports, lists and on disk."""

from __future__ import annotations

import csv
import io
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fileorg.core.model import FOLDER_ACTIONS, ON_SYMLINKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.cli.screens import Fileorg

SEEDS = (1, 2, 3)


def counts_as_file(row: dict[str, Any]) -> bool:
    """Return whether a row counts: not a folder on the way, nor a symlink that is rewritten because its file moves."""
    return row["action"] not in ON_SYMLINKS and (row["action"] not in FOLDER_ACTIONS or bool(row.get("category")))


def plant(root: Path, seed: int) -> None:
    """Make a tree with duplicates, hard links inside and outside, sidecars, symlinks, leftovers and conflicts."""
    some = random.Random(seed)
    names = [f"{folder}{name}" for folder in ("", "sub/", "sub/deep/") for name in ("a", "b", "c", "d")]
    some.shuffle(names)
    made: list[Path] = []
    for number, name in enumerate(names):
        path = root / f"{name}{number}{some.choice(['.jpg', '.pdf', '.mp3'])}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * some.choice([700, 3000, 40_000]))
        made.append(path)
    for number, path in enumerate(some.sample(made, 4)):
        os.link(path, root / some.choice(["", "sub"]) / f"link{number}{path.suffix}")
    os.link(made[0], root.parent / f"outside-{root.name}")
    for number in range(2):
        (root / f"pair{number}.jpg").write_bytes(b"pair" * 500)
        (root / f"pair{number}.xmp").write_bytes(b"side" * 50)
    (root / "sub/to").symlink_to(f"../{made[1].relative_to(root)}")
    (root / "sub/broken").symlink_to("nowhere")
    (root / "sub/hollow/inner").mkdir(parents=True)
    (root / "sub/nothing.txt").touch()
    (root / "Images").mkdir()
    (root / "Images" / "same.jpg").write_bytes(b"same")
    (root / "same.jpg").write_bytes(b"same")
    for path in root.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (10**9, 10**9))


def names_in(root: Path) -> dict[Path, os.stat_result]:
    """Return the files and symlinks of a tree, without its trash."""
    found = (path for path in root.rglob("*") if ".fileorg" not in path.parts)
    return {path: path.lstat() for path in found if path.is_symlink() or path.is_file()}


def space(root: Path) -> int:
    """Return the space of the files of a tree and its trash; a file counts once, whatever number of names it has."""
    seen = (path.lstat() for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return sum({(each.st_dev, each.st_ino): each.st_size for each in seen}.values())


def size_of(fields: dict[str, Any]) -> int:
    return int(fields["size_bytes"])


def row_size(fields: dict[str, Any]) -> int:
    return int((fields["size_bytes"] if "size_bytes" in fields else fields["size"]) or 0)  # a folder has none


class Counts:
    """One operation, as each command counts it."""

    def __init__(self, fileorg: Fileorg, *words: str, of: str = "") -> None:
        self.fileorg = fileorg
        self.of = of
        self.planned = self.json(*words, "-n")
        self.result = self.json(*words)
        self.number = int(self.result["operation"])

    def json(self, *words: str) -> Any:
        ran = self.fileorg.inside(*words, "-f", "json")
        assert ran.code in {0, 1}, ran
        return ran.json

    def check(self) -> None:
        files, size_bytes = int(self.result["files"]), size_of(self.result)
        rows = [
            row
            for row in self.planned["rows"]
            if counts_as_file(row) or (self.result["kind"], row["action"]) == ("clean", "remove-folder")
        ]
        rows = [row for row in rows if not row.get("skipped") and not row.get("reason")]
        counts = {}
        assert self.planned["files"] == files
        assert len(rows) == files or (self.result["kind"] == "undo" and self.of == "clean")  # of folders made again
        if self.result["kind"] != "clean":  # which has no sizes: what it removes is empty
            counts["plan"] = (files, size_of(self.planned))
            counts["rows of the plan"] = (files, sum(map(row_size, rows)))
        [entry] = [each for each in self.json("history")["operations"] if each["operation"] == self.number]
        counts["history"] = (entry["files"], size_of(entry))
        report = self.json("report", str(self.number), "-o", "-")
        counts["report"] = (report["files"], size_of(report))
        done = [share for share in report["statuses"] if share["status"] in {"done", "undone", "purged"}]
        counts["statuses"] = (sum(each["records"] for each in done), sum(map(size_of, done)))
        shares = report["categories"]
        counts["categories"] = (sum(each["files"] for each in shares), sum(map(size_of, shares)))
        words = ("files", str(self.number), "--page-size", "1000", "--status", "done")
        listed = [each for each in self.json(*words)["files"] if counts_as_file(each)]
        counts["files"] = (len(listed), sum(map(row_size, listed)))
        text = self.fileorg.inside(*words, "-f", "csv").out
        rows = [row for row in csv.DictReader(io.StringIO(text)) if counts_as_file(row)]
        counts["CSV"] = (len(rows), sum(map(row_size, rows)))
        assert counts == dict.fromkeys(counts, (files, size_bytes))
        assert f"{files} " in self.fileorg.inside("history").out
        self.report = report


@pytest.fixture(params=SEEDS)
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    plant(root, request.param)
    return root


@pytest.mark.parametrize("action", ["quarantine", "hardlink", "symlink"])
def test_of_duplicates(fileorg: Fileorg, tree: Path, action: str) -> None:
    before, space_before = names_in(tree), space(tree)
    found = fileorg.inside("dedupe", "tree", "-f", "json").json
    counts = Counts(fileorg, "dedupe", "tree", "--action", action)
    counts.check()
    files, report = counts.result["files"], counts.report
    freed = counts.planned["reclaimable_bytes"]
    if action == "quarantine":  # with the other actions, a file that a symlink leads to is a duplicate, too
        assert found["summary"]["duplicate_files"] == files
        assert found["summary"]["reclaimable_bytes"] == freed
        gone = before.keys() - names_in(tree).keys()
        assert (len(gone), sum(before[path].st_size for path in gone)) == (files, size_of(counts.result))
    else:
        now = names_in(tree)
        assert sum(now[path].st_ino != before[path].st_ino for path in before) == files
    assert counts.result["duplicate_files"] == files
    assert report["duplicates"]["files"] == files
    assert report["duplicates"]["reclaimable_bytes"] == freed
    groups = counts.json("duplicates", str(counts.number), "--page-size", "1000")["duplicates"]
    processed = [
        each
        for group in groups
        for each in group["files"]
        if each.get("state", each.get("status")) == f"{_of(action)}, done"
    ]
    assert len(processed) == files
    assert sum(each["reclaimable_bytes"] for each in report["duplicate_groups"]) == freed
    check_purge(fileorg, tree, freed, space_before, files)


def _of(action: str) -> str:
    return action if action == "quarantine" else f"replace-by-{action}"


def check_purge(fileorg: Fileorg, tree: Path, freed: int, space_before: int, files: int) -> None:
    planned = fileorg.inside("purge", "-n", "-f", "json").json
    assert (planned["files"], size_of(planned)) == (files, freed)
    assert (len(planned["rows"]), sum(row.get("freed", row.get("freed_bytes")) for row in planned["rows"])) == (
        files,
        freed,
    )
    result = fileorg.inside("purge", "-y", "-f", "json").json
    assert (result["files"], size_of(result)) == (files, freed)
    last = fileorg.inside("history", "-f", "json").json["operations"][0]
    assert (last["kind"], last["files"], size_of(last)) == ("purge", files, freed)
    outside = next(tree.parent.glob("outside-*")).lstat()
    lost = space_before - space(tree)
    kept_outside = outside.st_size if not any(each.st_ino == outside.st_ino for each in names_in(tree).values()) else 0
    assert lost - kept_outside == freed


@pytest.mark.parametrize(
    "more",
    [("-r",), ("-r", "--action", "copy", "--dest", "to/be/made"), ("-r", "--dest", "tree/in/it"), ()],
    ids=" ".join,
)
def test_of_organized_files(fileorg: Fileorg, tree: Path, more: Sequence[str]) -> None:
    counts = Counts(fileorg, "organize", "tree", *more)
    counts.check()
    asked = str(fileorg.folder / more[more.index("--dest") + 1]) if "--dest" in more else None
    for number, words in enumerate((("undo",), ("redo",), ("undo",))):
        history = counts.json("history")["operations"][0]
        assert history["dest"] == asked
        report = counts.json("report", str(counts.number + number), "-o", "-")
        assert report["dest"] == (asked and {"path": asked})
        assert report["files"] == history["files"]
        again = Counts(fileorg, *words, "-y")
        again.check()
        assert again.result["files"] == counts.result["files"]
        assert size_of(again.result) == size_of(counts.result)


def test_of_leftovers(fileorg: Fileorg, tree: Path) -> None:
    scanned = fileorg.inside("scan", "tree", "-f", "json").json
    counts = Counts(fileorg, "clean", "tree")
    counts.check()
    kinds = ("empty_files", "empty_folders", "broken_symlinks")
    assert sum(scanned[kind] for kind in kinds) == counts.result["files"]
    again = Counts(fileorg, "undo", str(counts.number), "-y", of="clean")
    again.check()
    assert again.result["files"] == counts.result["files"]


def test_of_an_undo_in_parts(fileorg: Fileorg, tree: Path) -> None:
    counts = Counts(fileorg, "organize", "tree", "-r")
    moved = [
        each
        for each in counts.json("files", "--page-size", "1000", "--status", "done")["files"]
        if each["action"] == "move"
    ]
    source = Path(moved[0].get("original_path") or moved[0]["path"])
    source.write_text("someone else's")
    first = counts.json("undo", "-y")
    source.unlink()
    second = counts.json("undo", "1", "-y")
    assert first["files"] + second["files"] == counts.result["files"]
    assert size_of(first) + size_of(second) == size_of(counts.result)
    undone = counts.json("files", "1", "--page-size", "1000", "--status", "undone")["files"]
    undone = [each for each in undone if each["action"] == "move"]
    assert len(undone) == counts.result["files"]


def test_of_a_scan(fileorg: Fileorg, tree: Path) -> None:
    on_disk = [seen for path, seen in names_in(tree).items() if not path.is_symlink()]
    expected = (len(on_disk), sum(seen.st_size for seen in on_disk))
    scanned = fileorg.inside("scan", "tree", "-f", "json").json
    assert (scanned["files"], size_of(scanned)) == expected
    assert (sum(each["files"] for each in scanned["categories"]), sum(map(size_of, scanned["categories"]))) == expected
    report = fileorg.inside("report", "tree", "-f", "json", "-o", "-").json
    assert (report["files"], size_of(report)) == expected
    categorized = fileorg.inside("categorize", "tree", "-f", "json").json
    assert len(categorized["files"]) == expected[0]


def test_of_the_rows_that_are_left_out(fileorg: Fileorg) -> None:
    """Folders that a plan empties are listed, and are no files."""
    for number in range(30):
        (fileorg.folder / f"d/{number}").mkdir(parents=True)
    (fileorg.folder / "plan.csv").write_text("path,new_path\nd,e\n")
    listed = fileorg("apply", "plan.csv", "--dry-run").out.split("\n\n")[0].splitlines()
    shown = fileorg("apply", "plan.csv", "--yes").out.split("\n\n")[0].splitlines()
    assert shown == [*listed[:20], f"  … and {len(listed) - 20} more: see --dry-run"]
