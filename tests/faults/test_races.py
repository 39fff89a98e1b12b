"""Another program acts between the plan and the deed: nothing of it is overwritten."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.faults import laws
from tests.faults.case import Case
from tests.faults.trees import BY_NAME, write
from tests.support import snapshot

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.sweep import Workers

_FOREIGN = b"someone else's"


def test_a_name_that_is_taken_in_the_last_moment(workers: Workers, tally: Counter[str]) -> None:
    tally["4 races"] += 1
    assert race(workers, "") == []


def test_a_plain_rename_is_found_out(workers: Workers) -> None:
    violations = race(workers, "plain rename")
    assert any("overwritten" in line for line in violations)


def race(workers: Workers, control: str) -> list[str]:
    """Take the names of two files while the first rename waits at the door of the kernel."""
    worker = workers.all[0]
    case = Case(BY_NAME["few"], worker.driver, worker.place, control)
    images = worker.place.root / "Images"
    with worker.driver.tracing(case.request(*case.organize), ["renameat2,renameat:delay_enter=400000:when=1"]):
        until(images.exists)
        write(images / "a.jpg", _FOREIGN)
        write(images / "a (2).jpg", _FOREIGN + b" too")
        finished = worker.driver.end()
    taken = case.look()
    found = laws.honest(finished.code, finished.output)
    found += [] if finished.code == 1 else [f"exit code {finished.code}: {finished.output}"]
    for name, content in ((b"a.jpg", _FOREIGN), (b"a (2).jpg", _FOREIGN + b" too")):
        if taken[b"root/Images/" + name].content != content:
            found.append(f"I2 overwritten: {name!r}")
    found += laws.conserved(case.first, taken)
    case.run("undo", "-y")
    left = {path: node for path, node in case.look().items() if not path.startswith(b"root/Images")}
    return found + snapshot.differences({**case.first, b"root": left[b"root"]}, left)


def until(so: object, seconds: float = 10.0) -> None:
    """Wait until `so()`."""
    assert callable(so)
    late = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < late, "it never happened"
        time.sleep(0.002)
