"""Runs many chains of commands, kills and other programs: `python -m tests.chains --steps 300000 --forks`.

Chains continue where the last run of the same seed stopped, for the same tree of src/; their counts add up in the
results file. A chain with a violation is shrunk, printed, and stored beside that file, to be replayed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chains import many, steps
from tests.chains.many import Assignment
from tests.chains.places import Places
from tests.chains.play import play, shrunk
from tests.support.results import Tested

_RESULTS = Path(__file__).parents[2] / "chains-results.jsonl"


def main() -> int:
    options = parsed()
    seconds = options.minutes * 60 if options.minutes else float("inf")
    assignment = Assignment(
        options.seed, options.steps, 0, options.jobs, seconds, options.forks, options.fileorg, options.shrink,
        tells=True, plain=options.plain, about=options.about,
    )  # fmt: skip
    return _replay(options.replay, assignment) if options.replay else _run(options, assignment)


def _run(options: argparse.Namespace, assignment: Assignment) -> int:
    tested = Tested.now()._asdict() if options.fileorg is None else {"source": str(options.fileorg), "commit": ""}
    how = {**tested, "seed": options.seed, "how": "forks" if options.forks else "processes"}
    done = [line for line in _lines(options.results) if all(line.get(key) == how[key] for key in ("source", "how"))]
    first = max((line["next_chain"] for line in done if line["seed"] == options.seed), default=0)
    came = many.run(Assignment(**{**vars(assignment), "first": first, "results": options.results, "how": how}))
    for what, count in sorted(sum((Counter(one["counts"]) for one in done), came.counts).items()):
        print(f"{what:50} {came.counts[what]:9,}  together {count:9,}")
    return int(bool(came.found))


def _lines(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def _replay(what: str, assignment: Assignment) -> int:
    """Replay the chain of a seed, `1:17`, or of a file."""
    with Places.opened() as places:
        runner = many.runner_for(assignment, places)
        chain = (
            json.loads(Path(what).read_text())
            if os.path.exists(what)
            else steps.draw(what, has=many.kinds(assignment, places), about=assignment.about)
        )
        played = play(chain, runner, places)
        if played.wrong and assignment.shrink:
            chain, played = shrunk(chain, played, runner, places)
        print(many.reported(chain, played))
        runner.close()
    return int(bool(played.wrong))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chains", description=__doc__)
    parser.add_argument("--steps", type=int, default=2000, metavar="N", help="how many, all jobs together")
    parser.add_argument("--for", type=float, dest="minutes", metavar="MINUTES", help="at most so long")
    parser.add_argument("--seed", default="1", help="each has chains of its own")
    parser.add_argument("--jobs", type=int, default=1, metavar="N")
    parser.add_argument("--forks", action="store_true", help="of a warm parent, not processes of their own")
    parser.add_argument("--fileorg", type=Path, metavar="SCRIPT", help="another one than that of this checkout")
    parser.add_argument("--plain", action="store_true", help="only ext4 and tmpfs")
    parser.add_argument("--about", default="", choices=["", *steps.ABOUT], help="only chains of one kind")
    parser.add_argument("--replay", metavar="CHAIN", help="seed and number, 1:17, or a file with a chain")
    parser.add_argument("--shrink", type=int, default=1, metavar="N", help="so many of each kind of violation")
    parser.add_argument("--results", type=Path, default=_RESULTS, metavar="FILE", help=f"default: {_RESULTS.name}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
