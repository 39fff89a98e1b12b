"""The command that measures what rules cost: no file with rules, one rule, and two hundred, taking turns."""

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from statistics import median

import machine
import rule_sets
from measure import Run
from stages import Fileorg
from suite import fileorg_under_test
from tree import Bytes, make_tree

_RULES = {
    "no rules": None,
    "one rule": rule_sets.one,
    "one rule, many folders": rule_sets.one_with_many_folders,
    "200 rules": rule_sets.two_hundred,
    "200 patterns": rule_sets.two_hundred_patterns,
}
"""What the runs have, and the function that returns their file."""
_BESIDE = {"one rule": "no rules", "200 rules": "one rule, many folders"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/rules", description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--dry-runs-only", action="store_true", help="leave out the runs that move the files and back")
    parser.add_argument("--work", type=Path, help="folder for the tree")
    parser.add_argument("--fileorg", help="command to measure")
    chosen = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="fileorg-rules-", dir=chosen.work))
    try:
        make_tree(work / "tree", chosen.files, written=Bytes.SPARSE)
        fileorg = fileorg_under_test(chosen.fileorg, work)
        for name, fact in machine.facts(work).items():
            print(f"{name}: {fact}")
        print(f"{chosen.files:,} files, medians of {chosen.repeat}\n")
        measured: dict[str, dict[str, list[Run]]] = {"organize -n": {}, "organize": {}}
        folders = dict[str, int]()
        for number in range(chosen.repeat):
            for rules in _RULES if number % 2 == 0 else reversed(_RULES):
                folders[rules] = with_rules(fileorg, work, rules, measured, with_moves=not chosen.dry_runs_only)
        print(table(measured))
        if not chosen.dry_runs_only:
            print("\nfolders: " + ", ".join(f"{rules} {count:,}" for rules, count in folders.items()))
    finally:
        shutil.rmtree(work)
    return 0


def with_rules(
    fileorg: Fileorg, work: Path, rules: str, measured: dict[str, dict[str, list[Run]]], *, with_moves: bool
) -> int:
    """Time a dry run, and a run that is taken back. Return the number of folders of the organized tree."""
    file = work / "rules.toml"
    make = _RULES[rules]
    file.unlink(missing_ok=True)
    if make is not None:
        file.write_text(make())
    count = 0
    variables = {"FILEORG_CONFIG": str(file) if make is not None else "/dev/null"}
    with fileorg.fresh_state() as (fresh, _):
        bench = fresh.bench.with_environment(**variables)
        dry_run = [*fresh.command, "organize", "-r", "-n", "-q", str(work / "tree")]
        measured["organize -n"].setdefault(rules, []).append(bench.time(dry_run))
        if with_moves:
            measured["organize"].setdefault(rules, []).append(bench.time([*fresh.organize(work / "tree"), "-q"]))
            count = sum(len(names) for _, names, _ in os.walk(work / "tree"))
            bench.time([*fresh.undo(), "-q"])
    return count


def table(measured: dict[str, dict[str, list[Run]]]) -> str:
    """Return the medians, each with its ratio to another row: one rule to none, 200 to one with as many folders."""
    lines = ["| command | rules | s | ratio | processor s | ratio |", "|---|---|--:|--:|--:|--:|"]
    for command, by_rules in measured.items():
        for rules, runs in by_rules.items():
            base = by_rules[_BESIDE.get(rules, "one rule")]
            cells = [command, rules]
            for now, before in (
                ([run.seconds for run in runs], [run.seconds for run in base]),
                ([run.processor_seconds for run in runs], [run.processor_seconds for run in base]),
            ):
                ratio = "" if rules == "no rules" else f"{median(now) / median(before):.2f}"
                cells += [f"{median(now):.1f}", ratio]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
