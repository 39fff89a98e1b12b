"""Own categories and rules in an object store, and from a folder into one: before, after, and back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.support.buckets import Bucket, bucket_of

from fileorg.core.errors import UsageError
from fileorg.core.model import Action, RecordState
from fileorg.core.names import join
from fileorg.rules.config_file import parse_configuration
from fileorg.storage.object.memory import MemoryClient, memory_bucket

if TYPE_CHECKING:
    from tests.support.runs import Runs

    from fileorg.core.model import Outcome, PlanRow
    from fileorg.rules.config import Configuration

DAY_NS = 86_400 * 10**9
TRASH = ".fileorg/trash/1/"


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """The folder `inbox` of a bucket in memory."""
    return bucket_of(request, "inbox/")


def configured(toml: str) -> Configuration:
    return parse_configuration(b"fileorg.toml", b"version = 1\n" + toml.encode())


def organize(runs: Runs, bucket: Bucket, toml: str, **options: Any) -> Outcome:
    return runs.organize(**{"root": bucket.url, "recursive": True, "configuration": configured(toml)} | options)


class Need(NamedTuple):
    """Rules in TOML, and where each key is afterwards. `contents` are not their keys."""

    rules: str
    moves: dict[str, str]
    contents: dict[str, str] = {}  # noqa: RUF012


NEEDS = {
    "a type to a folder": Need(
        '[[rule]]\nwhen = { ext = ["pdf", "docx"] }\nto = "Papers"',
        {"a.PDF": "Papers/a.PDF", "deep/b.docx": "Papers/b.docx", "c.jpg": "Images/c.jpg", "d.xyz": "d.xyz"},
    ),
    "a name, and what is not": Need(
        '[[rule]]\nwhen = { name = "*invoice*" }\nnot = { name = "*draft*" }\nto = "Invoices"',
        {"My Invoice.pdf": "Invoices/My Invoice.pdf", "invoice draft.pdf": "Documents/invoice draft.pdf"},
    ),
    "a group of a regular expression": Need(
        "[[rule]]\nwhen = { regex = '^(?P<client>[A-Z]{3})-' }\nto = \"Clients/{re.client}\"",
        {"ABC-1.pdf": "Clients/ABC/ABC-1.pdf", "abc-1.pdf": "Documents/abc-1.pdf"},
    ),
    "a path, and files that stay": Need(
        '[[rule]]\nany = [{ path = "tax/**" }, { name = "WIP*" }]\nkeep = true',
        {"tax/2020/a.pdf": "tax/2020/a.pdf", "WIP b.pdf": "WIP b.pdf", "c.pdf": "Documents/c.pdf"},
    ),
    "a folder, and the folders in it": Need(
        '[[rule]]\nwhen = { in = ["scans", "memory://elsewhere/scans", "/scans"], depth = "..1" }\nto = "All/{dir}"',
        {
            "scans/a.png": "All/scans/a.png",
            "scans/x/b.png": "All/scans/x/b.png",
            "scans/x/y/c.png": "Images/c.png",
            "other/d.png": "Images/d.png",
        },
    ),
    "sizes": Need(
        '[[rule]]\nwhen = { size = ">1KB" }\nto = "Big/{size_class}"\n[[rule]]\nwhen = { empty = true }\nto = "Empty"',
        {"a.jpg": "Big/Tiny/a.jpg", "b.jpg": "Images/b.jpg", "c.jpg": "Empty/c.jpg"},
        contents={"a.jpg": "a" * 2000, "c.jpg": ""},
    ),
    "the trash": Need(
        '[[rule]]\nwhen = { category = "Installers" }\naction = "trash"',
        {"a.dmg": f"{TRASH}a.dmg", "deep/b.msi": f"{TRASH}deep/b.msi", "c.pdf": "Documents/c.pdf"},
    ),
    "unfinished and hidden files": Need(
        '[[rule]]\nwhen = { unready = true }\naction = "trash"\n[[rule]]\nwhen = { hidden = true }\nto = "Hidden"',
        {"a.crdownload": f"{TRASH}a.crdownload", ".b": "Hidden/.b", "c.pdf": "Documents/c.pdf"},
    ),
    "the rest": Need(
        '[[rule]]\nwhen = { ext = "pdf" }\nto = "Papers"\n[[rule]]\nto = "To review/{category}"',
        {"a.pdf": "Papers/a.pdf", "b.jpg": "To review/Images/b.jpg", "c.xyz": "To review/Other/c.xyz"},
    ),
    "a new name": Need(
        '[[rule]]\nwhen = { ext = "pdf" }\nto = "Papers/{stem:slug}.{ext:lower}"',
        {"Ä b C.PDF": "Papers/ä_b_c.pdf", "d.jpg": "Images/d.jpg"},
    ),
    "the date in a name": Need(
        '[[rule]]\nwhen = { named = "2019" }\nto = "Old/{named:%m}"',
        {"IMG_20190531_101500.jpg": "Old/05/IMG_20190531_101500.jpg", "b.jpg": "Images/b.jpg"},
    ),
    "a folder whose name stands in the name": Need(
        '[[rule]]\nto = "{folder_in_name:Projects}"\n[[rule]]\nwhen = { path = "Projects/**" }\nkeep = true',
        {
            "plan for Apollo.pdf": "Projects/Apollo/plan for Apollo.pdf",
            "Projects/Apollo/there.pdf": "Projects/Apollo/there.pdf",
            "b.pdf": "Documents/b.pdf",
        },
    ),
    "groups follow their main file": Need(
        '[[rule]]\nwhen = { ext = "cr2" }\nto = "Raw/{name:1}"\n[[rule]]\nwhen = { ext = "xmp" }\naction = "trash"',
        {"a.cr2": "Raw/a/a.cr2", "a.xmp": "Raw/a/a.xmp", "b.xmp": f"{TRASH}b.xmp"},
    ),
    "own categories": Need(
        '[categories.Games]\nextensions = ["nes", "+iso"]\n[categories.Images]\nextensions = ["rawx", "-svg"]\n'
        "[categories.Fonts]\nenabled = false",
        {"a.nes": "Games/a.nes", "b.iso": "Games/b.iso", "c.rawx": "Images/c.rawx", "d.svg": "d.svg", "e.ttf": "e.ttf"},
    ),
}


@pytest.mark.parametrize("need", NEEDS.values(), ids=NEEDS.keys())
def test_a_need_in_a_store(runs: Runs, bucket: Bucket, need: Need) -> None:
    bucket.write({key: need.contents.get(key, key) for key in need.moves})
    before = bucket.snapshot()
    planned = runs.dry_run(root=bucket.url, recursive=True, configuration=configured(need.rules))
    assert bucket.snapshot() == before
    organize(runs, bucket, need.rules)
    assert bucket.snapshot() == {place: before[key] for key, place in need.moves.items()}
    assert places(planned) == {key: place for key, place in need.moves.items() if key != place}
    if planned:
        runs.undo()
    assert bucket.snapshot() == before


def places(rows: list[PlanRow]) -> dict[str, str]:
    """Return where the rows of a dry run, which has no number yet, move files to."""
    found = {join(*row[2:4]): join(*row[5:7]).replace(b"trash/0", b"trash/1") for row in rows if row.category}
    return {os.fsdecode(source): os.fsdecode(target) for source, target in found.items()}


def test_a_second_run_moves_nothing(runs: Runs, bucket: Bucket) -> None:
    rules = '[[rule]]\nwhen = { age = "<1d", ext = "pdf" }\nto = "New/{dir}"\n[[rule]]\nto = "All/{category}"'
    bucket.write({"a.pdf": "1", "deep/b.pdf": "2", "c.jpg": "3"})
    organize(runs, bucket, rules)
    assert bucket.read() == {"New/a.pdf": "1", "New/deep/b.pdf": "2", "All/Images/c.jpg": "3"}
    assert organize(runs, bucket, rules).done == 0


def test_a_move_gives_an_object_a_new_time_and_a_second_run_leaves_it_in_its_folder(runs: Runs, bucket: Bucket) -> None:
    store, moment = memory_bucket(bucket.client.bucket), 1_580_000_000 * 10**9  # in January 2020
    rules = (
        '[[rule]]\nwhen = { ext = "pdf" }\nto = "Papers/{modified:%Y-%m}_{name}"\n'
        '[[rule]]\nto = "Sorted/{category}/{year}/{month}"'
    )
    store.now_ns = lambda: moment
    bucket.write({"a.pdf": "1", "b.jpg": "2"})
    store.now_ns = lambda: moment + 400 * DAY_NS
    organize(runs, bucket, rules)
    after = {"Papers/2020-01_a.pdf": "1", "Sorted/Images/2020/01/b.jpg": "2"}
    assert bucket.read() == after
    bucket.write({"c.jpg": "3"})
    organize(runs, bucket, rules)
    assert bucket.read() == {**after, "Sorted/Images/2021/03/c.jpg": "3"}


def test_a_rule_says_what_happens_to_taken_names(runs: Runs, bucket: Bucket) -> None:
    clock = iter(range(1_700_000_000, 1_800_000_000))
    memory_bucket(bucket.client.bucket).now_ns = lambda: next(clock) * 10**9
    there = {"Skip/a.jpg": "old", "Number/b.jpg": "old", "Newer/c.jpg": "old", "Number/d.jpg": "same"}
    bucket.write(there)
    bucket.write({"a.jpg": "new", "b.jpg": "new", "c.jpg": "new", "d.jpg": "same"})
    before = bucket.snapshot()
    rules = (
        '[[rule]]\nwhen = { name = "a*" }\nto = "Skip"\non_conflict = "skip"\n'
        '[[rule]]\nwhen = { name = "c*" }\nto = "Newer"\non_conflict = "keep-newer"\n[[rule]]\nto = "Number"'
    )
    organize(runs, bucket, rules, recursive=False)
    assert bucket.read() == {
        **there, "a.jpg": "new", "Number/b (2).jpg": "new", "Newer/c.jpg": "new", f"{TRASH}Newer/c.jpg": "old",
        "d.jpg": "same",
    }  # fmt: skip
    runs.undo()
    assert bucket.snapshot() == before


def test_what_a_rule_moves_to_the_trash_is_purged(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.dmg": "1", "b.dmg": "2", "c.jpg": "3"})
    organize(runs, bucket, '[[rule]]\nwhen = { ext = "dmg" }\naction = "trash"')
    bucket.write({f"{TRASH}b.dmg": "edited"})
    purged = runs.purge()
    assert (purged.outcome.done, purged.outcome.problem_count) == (1, 1)
    assert bucket.read() == {f"{TRASH}b.dmg": "edited", "Images/c.jpg": "3"}


def test_a_rule_copies_within_a_store(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.pdf": "1", "b.jpg": "2"})
    before = bucket.snapshot()
    organize(runs, bucket, '[[rule]]\nwhen = { ext = "pdf" }\nto = "Tax"\naction = "copy"', recursive=False)
    assert bucket.read() == {"a.pdf": "1", "Tax/a.pdf": "1", "Images/b.jpg": "2"}
    runs.undo()
    assert bucket.snapshot() == before


def test_a_template_with_all_fields(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.pdf": "1", "deep/b.jpg": "2"})
    before = bucket.snapshot()
    organize(runs, bucket, "", template="{category}/{dir}/{stem:upper}.{ext}")
    assert bucket.read() == {"Documents/A.pdf": "1", "Images/deep/B.jpg": "2"}
    runs.undo()
    assert bucket.snapshot() == before


TO_PLACES = '[[rule]]\nwhen = { ext = "dmg" }\naction = "trash"\n[[rule]]\nwhen = { ext = "pdf" }\nto = "Papers"'


def test_a_destination_in_another_bucket(runs: Runs, bucket: Bucket) -> None:
    other = Bucket(MemoryClient("other-" + bucket.client.bucket))
    bucket.write({"a.pdf": "1", "deep/b.dmg": "2", "c.jpg": "3"})
    before = bucket.snapshot()
    organize(runs, bucket, TO_PLACES, dest=other.url)
    assert bucket.read() == {f"{TRASH}deep/b.dmg": "2"}
    assert other.read() == {"Papers/a.pdf": "1", "Images/c.jpg": "3"}
    runs.undo()
    assert (bucket.snapshot(), other.read()) == (before, {})


def test_a_folder_as_the_destination_of_a_store(runs: Runs, bucket: Bucket) -> None:
    runs.tree.write({"Papers/a.pdf": "there"})
    bucket.write({"a.pdf": "1", "deep/b.dmg": "2", "c.jpg": "3"})
    before = bucket.snapshot()
    organize(runs, bucket, TO_PLACES, dest=runs.tree.root)
    assert bucket.read() == {f"{TRASH}deep/b.dmg": "2"}
    assert runs.tree.read() == {"Papers/a.pdf": "there", "Papers/a (2).pdf": "1", "Images/c.jpg": "3"}
    runs.undo()
    assert (bucket.snapshot(), runs.tree.read()) == (before, {"Papers/a.pdf": "there"})


def test_a_store_as_the_destination_of_a_folder(runs: Runs, bucket: Bucket) -> None:
    """The trash of a rule, and a folder of this computer, stay on this computer."""
    away = runs.tree.root.parent / "away"
    away.mkdir()
    runs.tree.write({"a.pdf": "1", "deep/b.dmg": "2", "c.jpg": "3", "d.cr2": "4", "d.xmp": "5", "e.txt": "6"})
    (runs.tree.root / "to b.dmg").symlink_to("deep/b.dmg")
    before = runs.tree.snapshot()
    rules = f'{TO_PLACES}\n[[rule]]\nwhen = {{ text = "6" }}\nto = "{away}/{{category}}"'
    planned = runs.dry_run(dest=bucket.url, recursive=True, configuration=configured(rules))
    assert runs.tree.snapshot() == before
    outcome = organize(runs, bucket, rules, root=runs.tree.root, dest=bucket.url)
    assert [*outcome.counts] == [RecordState.DONE]
    assert bucket.read() == {"Papers/a.pdf": "1", "Images/c.jpg": "3", "Images/d.cr2": "4", "Images/d.xmp": "5"}
    assert (away / "Documents" / "e.txt").read_text() == "6"
    assert os.readlink(runs.tree.root / "to b.dmg") == f"{TRASH}deep/b.dmg"
    in_trash = {"a.pdf", "c.jpg", "d.cr2", "d.xmp", "deep/b.dmg"}
    assert {key for key in runs.tree.read() if key.startswith(TRASH)} >= {TRASH + name for name in in_trash}
    assert places(planned) == {
        "a.pdf": "Papers/a.pdf", "deep/b.dmg": f"{TRASH}deep/b.dmg", "c.jpg": "Images/c.jpg", "d.cr2": "Images/d.cr2",
        "d.xmp": "Images/d.xmp", "e.txt": "Documents/e.txt",
    }  # fmt: skip
    runs.undo()
    assert (bucket.read(), list(away.iterdir())) == ({}, [])
    assert runs.tree.snapshot() == before


def test_a_rule_moves_in_a_run_that_copies_into_a_store(runs: Runs, bucket: Bucket) -> None:
    runs.tree.write({"a.pdf": "1", "b.jpg": "2"})
    before = runs.tree.snapshot()
    rules = '[[rule]]\nwhen = { ext = "pdf" }\nto = "Papers"\naction = "move"'
    organize(runs, bucket, rules, root=runs.tree.root, dest=bucket.url, action=Action.COPY)
    assert bucket.read() == {"Papers/a.pdf": "1", "Images/b.jpg": "2"}
    assert runs.tree.read() == {f"{TRASH}a.pdf": "1", "b.jpg": "2"}
    runs.undo()
    assert (runs.tree.snapshot(), bucket.read()) == (before, {})


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ('when = { text = "x" }\nto = "A"', "line 3: a store cannot answer the key text: each object would"),
        ('not = { type = "pdf" }\nto = "A"', "line 3: a store cannot answer the key type: each object would"),
        ('any = [{ tag = "x" }]\nto = "A"', "line 3: a store cannot answer the key tag: it does not keep"),
        ('when = { owner = "me" }\nto = "A"', "line 3: a store cannot answer the key owner: it does not keep"),
        ('to = "{taken.year}"', "line 3: the target {taken.year} cannot be used in a store: for {taken}, each object"),
        ('to = "{meta.album}"', "line 3: the target {meta.album} cannot be used in a store: for {meta}, each object"),
        ('to = "/mnt/x"', "line 3: the target /mnt/x cannot be used in a store: it is a folder of this computer."),
        ('to = "A"\naction = "symlink"', "line 4: a store has no links, and action is symlink."),
    ],
)  # fmt: skip
def test_what_a_store_cannot_say_is_refused_by_its_key(runs: Runs, bucket: Bucket, rules: str, says: str) -> None:
    bucket.write({"a.jpg": "1"})
    with pytest.raises(UsageError) as raised:
        organize(runs, bucket, f"[[rule]]\n{rules}")
    assert str(raised.value).startswith(f"fileorg.toml, {says}"), raised.value
    assert raised.value.hint
    assert bucket.read() == {"a.jpg": "1"}


def test_a_template_that_would_read_objects_is_refused(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "1"})
    with pytest.raises(UsageError, match=r"^the template \{taken:%Y\} cannot be used in a store: for \{taken\}"):
        organize(runs, bucket, "", template="{taken:%Y}")
