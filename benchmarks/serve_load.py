#!/usr/bin/env python3
"""Load on the server of `fileorg serve`: `python benchmarks/serve_load.py --work DIR`. Prints JSON.

`listings`: the 95th percentile in ms of each listing endpoint, over `--records` records, while a job copies files. The
first page of an order is told apart: it makes the order, which the others use. The records are those of a real run,
repeated in the journal. `cpu_ms` is the processor time of the server per request, whatever else the machine does, and
`server_mb` the most memory that it had.

`sockets`: how many of `--connections` WebSockets got the last state of a job, and what they cost it, as ratios to the
same job without them: `ratio` of its time, in which the clients and the server count, too, because they run on the same
machine; and `cpu_ratio` of the processor time of its process, whatever else the machine does. The two jobs of a pair
follow each other, each pair in the other order, and a ratio is the median of those of the pairs: a slow spell of the
machine spoils one of them. A pair before them warms the caches. `server_us` is the processor time of the server for a
state that it sends to one connection.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import random
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from measure import processor_seconds

V1 = "/api/v1"
_REAL_FILES = 2_000
_COPIES = 4_000
_IDLE_SECONDS = 3
_ENDPOINTS = (
    "/operations?limit=25", "/operations/1", "/jobs?limit=25", "/jobs/1", "/files?operation_id=1&page={page}",
    "/files?operation_id=1&page={page}&page_size=200&sort=size", "/files?operation_id=1&page={page}&sort=new-path",
    "/files?operation_id=1&page={page}&category=Images&sort=path",
    "/files?operation_id=1&status=done&page={page}&sort=status",
    "/plans/{plan}/rows?limit=100",
)  # fmt: skip


class Server:
    """A server and one connection to it."""

    def __init__(self, work: Path) -> None:
        self.root, self.state = work / "root", work / "state"
        self.environment = {**os.environ, "FILEORG_HOME": str(self.state), "XDG_CONFIG_HOME": str(work / "config")}
        limits = ["--requests", "1000000", "--operations", "1000000"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fileorg.serve", "--no-open", *limits, str(self.root)],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=self.environment,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.port = next(int(found[1]) for line in self.process.stdout if (found := re.search(r":(\d+)/login", line)))
        self.headers = {"Authorization": f"Bearer {(self.state / 'serve.token').read_text().strip()}"}
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

        self.used = time.monotonic()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        content = None if body is None else json.dumps(body)
        if time.monotonic() - self.used > _IDLE_SECONDS:
            self.connection.close()  # the server ends connections that are idle
        self.used = time.monotonic()
        self.connection.request(method, V1 + path, content, self.headers)
        answer = self.connection.getresponse()
        found = json.loads(answer.read())
        assert answer.status < 300, found
        return found

    def plan(self, folder: Path, **more: Any) -> Any:
        run = self.ask("POST", "/plans", {"kind": "organize", "paths": [{"path": str(folder)}], **more})
        while run["status"] == "running":
            time.sleep(0.2)
            run = self.ask("GET", f"/runs/{run['run']}")
        assert run["status"] == "done", run
        return self.ask("GET", f"/plans/{run['answer']['job']}")

    def approve(self, plan: Any) -> None:
        self.ask("POST", f"/jobs/{plan['job']}/approve", {"version": plan["version"]})

    def wait(self, job: int) -> None:
        while (found := self.ask("GET", f"/jobs/{job}"))["status"] not in {"done", "failed"}:
            time.sleep(0.05)
        assert found["status"] == "done", found

    @property
    def cpu_seconds(self) -> float:
        return processor_seconds(self.process.pid)

    @property
    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024


def make_files(folder: Path, count: int, size: int) -> None:
    folder.mkdir(parents=True)
    old = time.time() - 86400
    for number in range(count):
        path = folder / f"{number:06}.{('jpg', 'pdf', 'mp3')[number % 3]}"
        path.write_bytes(os.urandom(min(size, 64)) + bytes(max(0, size - 64)))
        os.utime(path, (old, old))


def repeat_records(journal: Path, wanted: int) -> int:
    """Repeat the records of the first operation; the last one of the journal, so that they stay together."""
    with contextlib.closing(sqlite3.connect(journal)) as db, db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(records)") if row[1] != "id"]
        names = ", ".join(columns)
        low, high, count = db.execute("SELECT min(id), max(id), count(*) FROM records").fetchone()
        while count < wanted:
            more = min(count, wanted - count)
            db.execute(
                f"INSERT INTO records (id, {names}) SELECT id + ?, {names} FROM records WHERE id < ?",
                (high - low + 1, low + more),
            )
            low, high, count = db.execute("SELECT min(id), max(id), count(*) FROM records").fetchone()
    return int(count)


def percentile(times: list[float]) -> float:
    return round(1000 * statistics.quantiles(times, n=20)[-1], 1)


def listings(server: Server, records: int, requests: int) -> dict[str, Any]:
    """Time each endpoint while a job copies; a next job begins when one has ended."""
    first: dict[str, float] = {}
    times: dict[str, list[float]] = {path: [] for path in _ENDPOINTS}
    cpu: dict[str, list[float]] = {path: [] for path in _ENDPOINTS}
    held = server.plan(server.root / "copies" / "held")
    running, jobs = 0, 0
    for number in range(requests):
        if number % 20 == 0 and (not running or server.ask("GET", f"/jobs/{running}")["status"] == "done"):
            jobs += 1
            folder = server.root / "copies" / f"again{jobs}"
            make_files(folder, _COPIES, 4096)
            plan = server.plan(folder, action="copy")
            server.approve(plan)
            running = plan["job"]
        for path in _ENDPOINTS:
            page = random.randint(1, max(1, records // 250))
            used, began = server.cpu_seconds, time.perf_counter()
            server.ask("GET", path.format(page=page, plan=held["job"]))
            taken = time.perf_counter() - began
            if path in first:
                times[path].append(taken)
                cpu[path].append(server.cpu_seconds - used)
            else:
                first[path] = taken
    server.wait(running)
    return {
        "records": records, "requests_each": requests, "jobs_meanwhile": jobs,
        "p95_ms": {path: percentile(taken) for path, taken in times.items()},
        "cpu_ms": {path: round(1000 * statistics.mean(taken), 1) for path, taken in cpu.items()},
        "first_ms": {path: round(1000 * taken) for path, taken in first.items()},
    }  # fmt: skip


async def follow_all(server: Server, job: int, connections: int, ready: asyncio.Event) -> list[Any]:
    """Open many WebSockets, and return the last state that each got."""
    opened = 0

    async def one() -> Any:
        nonlocal opened
        last, count = None, 0
        url = f"ws://127.0.0.1:{server.port}{V1}/jobs/{job}/events"
        async with connect(
            url, additional_headers=server.headers, compression=None, proxy=None, open_timeout=120
        ) as events:
            opened += 1
            if opened == connections:
                ready.set()
            async for text in events:
                last, count = text, count + 1
        return json.loads(last or "{}") | {"count": count}

    return await asyncio.gather(*(one() for _ in range(connections)))


class JobCost(threading.Thread):
    """Follows the processor time of the process of a job."""

    def __init__(self, server: Server, job: int) -> None:
        super().__init__()
        self._status = server.state / f"job-{job}.status"
        self._ended = threading.Event()
        self._seconds: dict[int, float] = {}
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.005):
            with contextlib.suppress(OSError):
                if found := re.search(r'"pid": (\d+)', self._status.read_text(errors="replace")):
                    self._seconds[int(found[1])] = processor_seconds(int(found[1]))

    def end(self) -> float:
        """Return the processor time of the last process that worked on the job."""
        self._ended.set()
        self.join()
        return list(self._seconds.values())[-1]


def sockets(server: Server, connections: int, pairs: int) -> dict[str, Any]:
    """Run pairs of the same job, with and without followers."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    cpu: dict[bool, list[float]] = {True: [], False: []}
    complete, sent = [], list[float]()
    for pair in range(-1, pairs):  # the first one warms the caches
        for followed in (True, False) if pair % 2 == 0 else (False, True):
            folder = server.root / "copies" / f"pair{pair}{followed}"
            make_files(folder, _COPIES, 4096)
            plan = server.plan(folder, action="copy")
            cost = JobCost(server, plan["job"])
            used = server.cpu_seconds

            async def run(plan: Any = plan) -> list[Any]:
                ready = asyncio.Event()
                following = asyncio.create_task(follow_all(server, plan["job"], connections, ready))
                await ready.wait()
                nonlocal used
                used = server.cpu_seconds
                await asyncio.to_thread(server.approve, plan)
                return await following

            if followed:
                states = asyncio.run(run())
                complete.append(sum(each.get("last", False) and each["job"]["status"] == "done" for each in states))
                messages = sum(each["count"] for each in states)
                sent.append((server.cpu_seconds - used) / messages)
            else:
                server.approve(plan)
                server.wait(plan["job"])
            with contextlib.closing(sqlite3.connect(f"file:{server.state}/journal.db?mode=ro", uri=True)) as db:
                [began, ended] = db.execute(
                    "SELECT started_ns, ended_ns FROM operations ORDER BY id DESC LIMIT 1"
                ).fetchone()
            worked = cost.end()
            if pair >= 0:
                seconds[followed].append((ended - began) / 1e9)
                cpu[followed].append(worked)
            shutil.rmtree(folder)
    return {
        "connections": connections, "files": _COPIES, "got_the_last_state": complete,
        "seconds_with": [round(each, 2) for each in seconds[True]],
        "seconds_without": [round(each, 2) for each in seconds[False]], "ratio": ratio(seconds),
        "cpu_with": [round(each, 2) for each in cpu[True]], "cpu_without": [round(each, 2) for each in cpu[False]],
        "cpu_ratio": ratio(cpu), "server_us": round(1e6 * statistics.median(sent)),
    }  # fmt: skip


def ratio(found: dict[bool, list[float]]) -> float:
    """Return the median of the ratios of pairs."""
    pairs = zip(found[True], found[False], strict=True)
    return round(statistics.median(with_them / without for with_them, without in pairs), 3)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/serve_load.py", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=100, help="of each endpoint; 0 for none")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=5, help="pairs of jobs with and without them; 0 for none")
    parser.add_argument("--work", type=Path, help="folder for the files and the journal")
    chosen = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="fileorg-serve-load-", dir=chosen.work))
    server = None
    try:
        make_files(work / "root" / "first", _REAL_FILES, 10)
        make_files(work / "root" / "copies" / "held", 500, 10)
        (work / "state").mkdir(mode=0o700)
        environment = {**os.environ, "FILEORG_HOME": str(work / "state")}
        words = [sys.executable, "-m", "fileorg", "organize", str(work / "root" / "first"), "-y", "-q"]
        subprocess.run(words, env=environment, check=True)
        records = repeat_records(work / "state" / "journal.db", chosen.records)
        server = Server(work)
        found: dict[str, Any] = {}
        if chosen.requests:
            found["listings"] = listings(server, records, chosen.requests)
        if chosen.pairs:
            found["sockets"] = sockets(server, chosen.connections, chosen.pairs)
        found["server_mb"] = round(server.peak_mb)
        print(json.dumps(found, indent=2))
    finally:
        if server is not None:
            server.process.terminate()
            server.process.wait()
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
