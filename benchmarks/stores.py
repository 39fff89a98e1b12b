#!/usr/bin/env python3
"""Moves of objects within a bucket of a local SeaweedFS: fileorg beside `rclone move` and `s5cmd mv`, at the same
concurrency, in turns. See README.md.

    python benchmarks/stores.py --rclone PATH --s5cmd PATH
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.storage.object import servers

from fileorg.storage.object.client import ObjectCopy, Result
from fileorg.storage.object.s3 import S3Client
from measure import processor_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.storage.object.servers import S3Server

BUCKET = "bench"
CONCURRENT = 64
BEFORE = "before"
FEW = 10
FILEORG = [sys.executable, "-m", "fileorg"]
_REQUESTS = re.compile(r"^SeaweedFS_s3_request_total\{.*\} ([0-9.e+]+)$", re.MULTILINE)


class Moved(NamedTuple):
    """One run: what a tool took for its objects, and the server of it. The processor times say more than the seconds on
    a machine that has other work.
    """

    seconds: float
    processor_seconds: float
    server_seconds: float
    requests: float
    memory_bytes: int


def requests_so_far(metrics: str) -> float:
    """Return how many requests the server has answered."""
    with urllib.request.urlopen(metrics, timeout=10) as answer:
        return sum(float(each) for each in _REQUESTS.findall(answer.read().decode()))


def run(words: list[str], environment: dict[str, str], server: S3Server) -> Moved:
    """Run a command to its end."""
    before, began, server_began = requests_so_far(server.metrics), time.monotonic(), processor_seconds(server.pid)
    pid = os.posix_spawnp(words[0], words, environment)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - began
    if status:
        raise SystemExit(f"{words[0]} failed: {status}")
    took = seconds, usage.ru_utime + usage.ru_stime, processor_seconds(server.pid) - server_began
    return Moved(*took, requests_so_far(server.metrics) - before, usage.ru_maxrss * 1024)


def fill(client: S3Client, prefix: str, objects: int) -> None:
    """Make the objects to move."""
    names = [f"{prefix}/picture-{number:06}.jpg".encode() for number in range(objects)]
    outcome = client.put(f"seed-{prefix}".encode(), b"x" * 1024, if_absent=False)
    for start in range(0, objects, 1000):
        rows = [ObjectCopy(f"seed-{prefix}".encode(), outcome.etag, name, 1024) for name in names[start : start + 1000]]
        if any(each.result is not Result.DONE for each in client.copy(rows)):
            raise SystemExit("the objects could not be made")


def left_in(client: S3Client, prefix: str) -> int:
    return sum(len(page) for page in client.pages(prefix.encode()))


def commands(arguments: argparse.Namespace) -> dict[str, Callable[[str], list[str]]]:
    """Return the command of each tool, for a prefix: all move `PREFIX/picture-*.jpg` to `PREFIX/Images/`."""
    organize: Callable[[str], list[str]] = lambda prefix: [  # noqa: E731
        *FILEORG, "organize", f"s3://{BUCKET}/{prefix}", "--yes", "-q",
    ]  # fmt: skip
    found = {"fileorg": organize}
    if arguments.before:
        found[BEFORE] = organize
    if arguments.rclone:
        remote = f":s3,provider=SeaweedFS,env_auth=true,endpoint='{{}}',force_path_style=true:{BUCKET}"
        found["rclone"] = lambda prefix: [
            arguments.rclone, "move", f"{remote}/{prefix}".format(os.environ["AWS_ENDPOINT_URL_S3"]),
            f"{remote}/{prefix}-moved/Images".format(os.environ["AWS_ENDPOINT_URL_S3"]),
            f"--transfers={CONCURRENT}", f"--checkers={CONCURRENT}", "--config=/dev/null", "--quiet",
        ]  # fmt: skip
    if arguments.s5cmd:
        found["s5cmd"] = lambda prefix: [
            arguments.s5cmd, f"--numworkers={CONCURRENT}", "--log=error", "mv",
            f"s3://{BUCKET}/{prefix}/*", f"s3://{BUCKET}/{prefix}-moved/Images/",
        ]  # fmt: skip
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--listed", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rclone")
    parser.add_argument("--s5cmd")
    parser.add_argument("--before", help="the folder src of another commit, which moves as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, servers.seaweedfs(Path(folder), metrics=True) as server:
        servers.make_bucket(server, BUCKET)
        environment = os.environ | server.environment | {"S3_ENDPOINT_URL": server.endpoint, "AWS_REGION": "us-east-1"}
        os.environ |= server.environment
        with closing(S3Client(BUCKET, server.settings)) as client:
            measure(arguments, client, environment, server, Path(folder))
    return 0


def measure(
    arguments: argparse.Namespace, client: S3Client, environment: dict[str, str], server: S3Server, folder: Path
) -> None:
    fill(client, "many", arguments.listed)
    scanned = run(
        [*FILEORG, "scan", f"s3://{BUCKET}/many", "-q"],
        environment | {"FILEORG_HOME": str(folder / "scan")}, server,
    )  # fmt: skip
    rate, memory = arguments.listed / scanned.seconds, scanned.memory_bytes / 1e6
    print(f"scan of {arguments.listed:,}: {rate:,.0f} objects/s, {scanned.requests:.0f} requests, {memory:.0f} MB")
    tools = commands(arguments)
    homes = {
        tool: {"FILEORG_HOME": str(folder / tool)} | ({"PYTHONPATH": arguments.before} if tool == BEFORE else {})
        for tool in tools
    }
    for tool, words in tools.items():
        fill(client, f"{tool}-first", FEW)
        first = run(words(f"{tool}-first"), environment | homes[tool], server)
        print(
            f"{tool}, the first run in the bucket, {FEW} objects: {first.seconds:.2f} s, {first.requests:.0f} requests,"
            f" {first.processor_seconds:.2f} s of processor time"
        )
    found: dict[str, list[Moved]] = {}
    for number in range(arguments.rounds):
        for tool, words in tools.items():
            prefix = f"{tool}-{number}"
            fill(client, prefix, arguments.objects)
            found.setdefault(tool, []).append(run(words(prefix), environment | homes[tool], server))
            moved = left_in(client, f"{prefix}/Images/" if tool in {"fileorg", BEFORE} else f"{prefix}-moved/Images/")
            if moved != arguments.objects:
                raise SystemExit(f"{tool} moved {moved} of {arguments.objects}")
    for tool, runs in found.items():
        seconds = statistics.median(each.seconds for each in runs)
        requests = statistics.median(each.requests for each in runs) / arguments.objects
        memory = statistics.median(each.memory_bytes for each in runs) / 1e6
        own, served = (
            statistics.median(each) / arguments.objects * 1e6
            for each in ([one.processor_seconds for one in runs], [one.server_seconds for one in runs])
        )
        print(
            f"{tool}: {arguments.objects / seconds:,.0f} objects/s, {requests:.3f} requests each, {memory:.0f} MB,"
            f" {own:,.0f} us of processor time each, {served:,.0f} us of the server;"
            f" rounds: {', '.join(f'{arguments.objects / each.seconds:,.0f}' for each in runs)} objects/s"
        )


if __name__ == "__main__":
    sys.exit(main())
