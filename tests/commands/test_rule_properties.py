"""The invariants of runs with rules, over random trees and random rule files.

`HYPOTHESIS_PROFILE=thorough` tries many more.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.commands.test_properties import batches, case_of, litter, same, tried, without_number
from tests.support.random_trees import folders, names, trees
from tests.support.snapshot import contents
from tests.support.tree import Tree

from fileorg.core.errors import GuardRefused, UsageError
from fileorg.core.model import Action, By, OnConflict, RecordState
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.report.sentences import sentence
from fileorg.rules.config_file import parse_configuration
from fileorg.rules.facts import FileFacts
from fileorg.rules.path_template import Rendered, TemplateError, parse_target
from fileorg.workflows.rule_check import NoContents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.commands.test_properties import Case
    from tests.support.random_trees import File
    from tests.support.runs import Runs

    from fileorg.rules.config import Configuration

tried_with_rules = settings(tried, max_examples=tried.max_examples // 4)  # each is a whole run

conditions = st.fixed_dictionaries(
    {},
    optional={
        "ext": st.sampled_from(["jpg", ["pdf", "xmp", "srt"], "@images", ["mov", "heic"]]),
        "name": st.sampled_from(["a*", ["*(2)*", "Images*"], "*.tar.gz"]),
        "regex": st.sampled_from([r"^(?P<first>[a-zA-Z])", r"(?P<first>\d)"]),
        "path": st.sampled_from(["sub/**", "Images/*"]),
        "in": st.sampled_from(["sub", "TREE/other"]),
        "depth": st.sampled_from([0, "..1"]),
        "category": st.sampled_from(["images", "Video"]),
        "size": st.sampled_from([">1B", "<3B"]),
        "age": st.sampled_from([">10y", "<20y"]),
        "modified": st.sampled_from(["2020", "..2010"]),
        "hidden": st.booleans(),
    },
)
few = conditions.map(lambda keys: dict(list(keys.items())[:2]))
targets = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "Sorted/", "Images/", "images/", "TREE/Sorted/", "TREE/", "BIG/", "BIG/new/"]),
    st.sampled_from(
        [
            "X",
            "{category}",
            "{ext:lower}",
            "{dir}",
            "{modified:%Y/%m}",
            "{name:1}",
            "{size_class}",
            "{re.first}",
            "{year}",
        ]
    ),
    st.sampled_from(["", "", "", "/{name}", "/{modified:%Y}_{name}", "/{stem:slug}.{ext}", "/same.{ext|stem}", "/X"]),
) | st.sampled_from(["{folder_in_name:sub}", "{dir}", "{ext}"])
results = st.one_of(
    st.just({"keep": True}),
    st.just({"action": "trash"}),
    *[
        st.fixed_dictionaries(
            {"to": targets},
            optional={
                "action": st.sampled_from(["move", "copy", "hardlink", "symlink"]),
                "on_conflict": st.sampled_from(["rename", "skip", "keep-newer"]),
            },
        )
    ]
    * 3,
)


def rule(
    when: dict[str, Any], but: dict[str, Any], either: list[dict[str, Any]], result: dict[str, Any]
) -> dict[str, Any]:
    """Return a rule that loads: the group of a regular expression is only used where there is one."""
    if "regex" not in when and "to" in result:
        result = result | {"to": result["to"].replace("{re.first}", "{ext}")}
    return {key: value for key, value in {"when": when, "not": but, "any": either}.items() if value} | result


few_or_none: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.just({}) | few
either: st.SearchStrategy[list[dict[str, Any]]] = (
    st.just([]) | st.just([]) | st.lists(few.filter(bool), min_size=1, max_size=2)
)
rule_lists = st.lists(st.builds(rule, few, few_or_none, either, results), min_size=1, max_size=4)
configurations = st.tuples(st.sampled_from(["", "", "[settings]\nnames = 'portable'\n"]), rule_lists)
run_options = st.fixed_dictionaries(
    {
        "action": st.sampled_from([Action.MOVE, Action.MOVE, Action.MOVE, Action.COPY]),
        "on_conflict": st.sampled_from([OnConflict.RENAME, OnConflict.RENAME, *OnConflict]),
        "recursive": st.sampled_from([True, True, True, False]),
    },
    optional={"dest": st.sampled_from(["tree/Sorted", "outside", ""]), "max_depth": st.integers(0, 2)},
)


def toml(value: object) -> str:
    """Return a value as an inline value of TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@contextmanager
def ruled(
    files: list[File], rows: int, rules: tuple[str, list[dict[str, Any]]], chosen: dict[str, Any]
) -> Iterator[tuple[Case, dict[str, Any], Tree]]:
    """Yield a case, the options of its runs, and the folder BIG, on another disk if there is one."""
    head, tables = rules
    with case_of(files, rows) as case, tempfile.TemporaryDirectory(prefix="fileorg-") as place:
        big = Tree(Path(place, "big"))
        big.write({"X/a.jpg": "one", "same.jpg": "two"})
        text = "version = 1\n" + head
        for table in tables:
            text += "[[rule]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in table.items())
        text = text.replace("TREE", str(case.runs.tree.root)).replace("BIG", str(big.root))
        yield case, chosen | {"configuration": load(text)}, big


def load(text: str) -> Configuration:
    return parse_configuration(b"fileorg.toml", text.encode())


def all_nodes(case: Case, big: Tree) -> dict[bytes, Any]:
    """Return the snapshot of the tree, its surroundings and BIG."""
    return dict(case.around.snapshot()) | {b"BIG/" + path: node for path, node in big.snapshot().items()}


@tried_with_rules
@given(trees, configurations, run_options, batches)
def test_rules_lose_nothing_decide_once_and_undo_is_exact(
    files: list[File], rules: tuple[str, list[dict[str, Any]]], chosen: dict[str, Any], rows: int
) -> None:
    with ruled(files, rows, rules, chosen) as (case, options, big):
        before = all_nodes(case, big)
        try:
            outcome = case.organize(options)
        except GuardRefused:
            same(before, all_nodes(case, big))
            return
        after = all_nodes(case, big)
        assert contents(before).keys() <= contents(after).keys()
        assert litter(after) == litter(before)
        with suppress(UsageError):  # there was nothing to do
            records = case.runs.records(outcome.operation, RecordState.DONE)
            sources = [
                (record.source_base, record.source_folder, record.source_name)
                for record in records
                if record.action not in {Action.MAKE_FOLDER, Action.REMOVE_FOLDER}
                and not (record.source_folder or b"").startswith(b".fileorg")
            ]
            assert len(sources) == len(set(sources))
            assert case.runs.undo().problems == []
        same(before, all_nodes(case, big))


@tried_with_rules
@given(trees, configurations, run_options, batches)
def test_a_dry_run_with_rules_says_what_the_run_does(
    files: list[File], rules: tuple[str, list[dict[str, Any]]], chosen: dict[str, Any], rows: int
) -> None:
    with ruled(files, rows, rules, chosen) as (case, options, big):
        before, state = all_nodes(case, big), os.listdir(case.runs.state.path)
        said = case.dry_run(options)
        same(before, all_nodes(case, big))
        assert os.listdir(case.runs.state.path) == state
        with suppress(GuardRefused):
            outcome = case.organize(options)
            done = [
                without_number(
                    row.action,
                    row.source_folder or b"",
                    row.source_name or b"",
                    row.target_base,
                    row.target_folder,
                    row.target_name,
                    sentence(row.reason),
                )
                for row in case.runs.records(outcome.operation)
            ]
            assert done == [
                without_number(row.action, *row[2:4], row.target_base, *row[5:7], sentence(row.reason)) for row in said
            ]


companions = st.lists(st.sampled_from([".jpg", ".xmp", ".mov", ".mkv", ".srt", ".aae"]), min_size=2, unique=True)


@tried_with_rules
@given(st.dictionaries(st.sampled_from(["a", "b c", "2020-01"]), companions, min_size=1), configurations, batches)
def test_no_rule_splits_a_group(
    groups: dict[str, list[str]], rules: tuple[str, list[dict[str, Any]]], rows: int
) -> None:
    """The files of a group go to one folder in one way, or they all stay."""
    with ruled([], rows, rules, {"recursive": True}) as (case, options, _):
        case.runs.tree.write({f"sub/{stem}{kind}": stem + kind for stem in groups for kind in groups[stem]})
        plain = [group_of(row) for row in case.dry_run({"recursive": True, "by": By.DATE}) if row.together]
        together: dict[int, list[bytes]] = {}
        for number, name in plain:
            together.setdefault(number, []).append(name)
        rows_of = {row.source_name: row for row in case.dry_run(options) if row.source_name}
        for names in together.values():
            there = [rows_of.get(name) for name in names]
            assert len({row and (row.action, row.target_base, row.target_folder) for row in there}) == 1


def group_of(row: Any) -> tuple[int, bytes]:
    return row.together, row.source_name


fields = st.sampled_from(["name", "stem", "ext", "dir", "category", "size_class", "re.x"])
formats = st.sampled_from(["", ":lower", ":slug", ":upper", ":1", ":title"])


class Lookups:
    """The disk behind a file that is not there."""

    contents = NoContents()

    def category_of(self, _folder: bytes, _name: bytes) -> str:
        return "Other"

    def extension_of(self, _folder: bytes, name: bytes) -> bytes:
        return os.path.splitext(name)[1][1:].lower()

    def origins(self, _folder: bytes, _name: bytes) -> list[str]:
        return []

    tags = origins

    def owner(self, _folder: bytes, _name: bytes) -> None:
        return None

    def folders_in(self, _path: bytes) -> list[str]:
        return ["X"]


parts = st.builds("{{{}{}}}".format, fields, formats) | st.sampled_from(["X", "/", "/", "..", ".", "{dir}/"])


@tried
@given(st.lists(parts, min_size=1, max_size=5).map("".join), names, folders, names)
def test_no_template_leaves_its_root(text: str, name: str, folder: str, found: str) -> None:
    """Whatever names, folders and matches of patterns are: the target is below the root, or there is none."""
    try:
        target = parse_target(text, groups=["x"])
    except TemplateError:
        return
    if target.absolute:
        return
    file = FileFacts(Lookups(), os.fsencode(folder.rstrip("/")), os.fsencode(name), 1, 10**18, 10**18, 0o100644)
    rendered = target.render(file, {"x": found})
    if isinstance(rendered, Rendered):
        place = os.path.join(b"/tree", rendered.folder, rendered.name)
        assert os.path.normpath(place) == place.rstrip(b"/")
        assert place.startswith(b"/tree/")
        assert rendered.name not in {b"", b".", b".."}
        assert b"/" not in rendered.name
        assert b"\0" not in place


def test_a_dry_run_foresees_what_another_disk_does_not_take(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    """A file with several names, its sidecar, and a hard link: the plan has the reason, and counts them as skipped."""
    tree.write({"one.jpg": "1", "one.xmp": "1x", "two.jpg": "2", "papers.zip": "4"})
    os.link(tree.path("one.xmp"), tree.path("other name.unheard"))
    to = str(elsewhere / "archive")
    rules = f"[[rule]]\nwhen = {{ ext = 'jpg' }}\nto = '{to}'\n"
    rules += f"[[rule]]\nwhen = {{ ext = 'zip' }}\nto = '{to}'\naction = 'hardlink'\n"
    chosen = {"configuration": load("version = 1\n" + rules)}
    said = {row.source_name: row.reason for row in runs.dry_run(**chosen) if row.source_name}
    assert said == {
        b"one.jpg": Reason(ReasonCode.LEADER_STAYS, b"one.xmp"),
        b"one.xmp": Reason(ReasonCode.HARD_LINKS_TORN, None, 2),
        b"two.jpg": None,
        b"papers.zip": Reason(ReasonCode.HARD_LINK_TO_OTHER_DISK, os.fsencode(to)),
    }
    outcome = runs.organize(**chosen)
    assert {row.source_name: row.reason for row in runs.records(outcome.operation) if row.source_name} == said
    assert outcome.done == 1
    assert (elsewhere / "archive/two.jpg").read_text() == "2"
