"""Ctrl-C and SIGTERM while the store does not answer: the first one ends the run, and recovery settles what is open."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.storage.object import servers
from tests.storage.object.conftest import seaweedfs
from tests.storage.object.fault_proxy import Fault, ProxiedRequest, fault_proxy
from tests.support.buckets import Bucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.storage.object.servers import S3Server

    from fileorg.storage.object.s3 import S3Client

__all__ = ["seaweedfs"]  # a fixture for the tests here, too
_FILES, _ANSWERED, _STALLS_SECONDS = 60, 10, 30.0


class Stalling:
    """A plan of a proxy: once some requests of a method were answered, nothing is answered any more."""

    def __init__(self, method: str) -> None:
        self.method, self.is_over, self.has_stalled = method, False, threading.Event()
        self._answered = 0

    def __call__(self, request: ProxiedRequest) -> Fault | None:
        if self.is_over:
            return None
        if request.method == self.method:
            self._answered += 1
            if self._answered > _ANSWERED:
                self.has_stalled.set()
        return Fault.STALLED_AFTER if self.has_stalled.is_set() else None


@pytest.fixture
def client(seaweedfs: S3Server) -> Iterator[S3Client]:
    with servers.opened_bucket(seaweedfs, "silent") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "signal_"),
    [
        ("PUT", signal.SIGINT),
        ("DELETE", signal.SIGTERM),
        pytest.param("upload", signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_the_first_signal_ends_a_run_whose_store_is_silent(
    client: S3Client, seaweedfs: S3Server, tmp_path: Path, method: str, signal_: signal.Signals
) -> None:
    bucket, folder = Bucket(client, f"{method}/"), tmp_path / "folder"
    files = {f"{number}.jpg": str(number) for number in range(_FILES)}
    bucket.write(files)
    before, plan = bucket.snapshot(), Stalling("PUT" if method == "upload" else method)
    words = ["organize", os.fsdecode(bucket.url), "--yes", "--allow-unsafe"]  # no probes
    if method == "upload":
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content)
        words = ["organize", str(folder), "--dest", os.fsdecode(bucket.url), "--yes", "--allow-unsafe"]
    with fault_proxy(seaweedfs.endpoint, plan) as proxy:
        environment = os.environ | {"FILEORG_HOME": str(tmp_path / "state"), "AWS_ENDPOINT_URL_S3": proxy.endpoint}

        def fileorg(*words: str) -> subprocess.Popen[str]:
            return subprocess.Popen(
                [sys.executable, "-m", "fileorg", *words],
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip

        run = fileorg(*words)
        assert plan.has_stalled.wait(_STALLS_SECONDS), run.communicate(timeout=5)
        time.sleep(0.3)  # so that it waits
        begun = time.monotonic()
        run.send_signal(signal_)
        try:
            _, said = run.communicate(timeout=15)
        finally:
            run.kill()
        took = time.monotonic() - begun
        assert run.returncode == 130, said
        assert "Interrupted" in said, said
        assert "fileorg recover" in said, said
        assert took < 5, "about a second on a machine that has nothing else to do"
        plan.is_over = True
        recovered = fileorg("recover")
        out = recovered.communicate(timeout=30)
        assert (recovered.returncode, "Recovered operation 1" in "".join(out)) == (0, True), out
        undone = fileorg("undo", "1")
        out = undone.communicate(timeout=30)
        assert undone.returncode == 0, out
    assert bucket.snapshot() == before
    if method == "upload":
        assert {each.name: each.read_text() for each in folder.glob("*.jpg")} == files
