"""A store that refuses a command, as each user meets it: one sentence, the exit code, nothing lost, and a way on."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.cli.screens import Fileorg
from tests.storage.object import servers
from tests.storage.object.conftest import seaweedfs
from tests.storage.object.fault_proxy import error_answer, fault_proxy
from tests.support.buckets import Bucket

from fileorg.core.state import open_state
from fileorg.core.store_settings import StoreSettings
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.sender import RetryingSender
from fileorg.storage.object.store_error import Permission
from fileorg.workflows.safe_stores import note_probed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.screens import Ran
    from tests.storage.object.fault_proxy import FaultProxy, ProxiedRequest
    from tests.storage.object.servers import S3Server
    from tests.support.tree import Tree

    Plan = Callable[[ProxiedRequest], bytes | None]

__all__ = ["seaweedfs"]  # a fixture for the tests here, too

BUCKET = "refused"
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")
"""aiobotocore drops a connection whose answer cannot be read; it is closed once its memory is freed."""


class Place(NamedTuple):
    """A prefix of a real bucket, seen through a proxy that may refuse, and the program."""

    bucket: Bucket
    proxy: FaultProxy
    fileorg: Fileorg
    url: str

    def run(self, *words: str, **changes: str) -> Ran:
        return self.fileorg.inside(*words, **changes)

    def contents(self) -> set[str]:
        return set(self.bucket.read().values())

    def note_probed(self) -> None:
        """Have fileorg know already that the bucket is safe."""
        client = S3Client(BUCKET, StoreSettings(self.proxy.endpoint))
        note_probed(open_state(os.fsencode(self.fileorg.home)), client, [], only_uploads=False)
        client.close()


@pytest.fixture(scope="module")
def server(seaweedfs: S3Server) -> S3Server:
    servers.make_bucket(seaweedfs, BUCKET)
    return seaweedfs


@pytest.fixture
def place(
    server: S3Server, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    waits = RetryingSender._wait
    monkeypatch.setattr(RetryingSender, "_wait", lambda *about: None if waits(*about) is None else 0.0)
    folder = "".join(each if each.isalnum() else "-" for each in request.node.name)
    program = Fileorg(tmp_path / "state", tmp_path)
    with (
        servers.environment_of(server),
        contextlib.closing(S3Client(BUCKET, server.settings)) as direct,
        fault_proxy(server.endpoint, lambda _: None) as proxy,
    ):
        bucket = Bucket(direct, f"{folder}/")
        bucket.write({"a.jpg": "one", "b.jpg": "one", "c.pdf": "three"}, metadata={"of": "a user"})
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint)
        yield Place(bucket, proxy, program, f"s3://{BUCKET}/{folder}")
    program.close()


def lacking(permission: Permission) -> Plan:
    """Return a plan that refuses what needs a permission, in the words of AWS."""
    answer = error_answer(403, "AccessDenied", f"User: a is not authorized to perform: {permission} on resource: b")

    def plan(request: ProxiedRequest) -> bytes | None:
        is_copy, is_of_tags = "x-amz-copy-source" in request.headers, "tagging" in request.target
        needed = {
            Permission.LIST: request.is_list,
            Permission.READ: is_copy or (request.method in {"GET", "HEAD"} and not request.is_list and not is_of_tags),
            Permission.WRITE: request.method == "PUT",
            Permission.DELETE: request.method == "DELETE" or (request.method == "POST" and "delete" in request.target),
            Permission.READ_TAGS: is_copy or (request.method == "GET" and is_of_tags),
            Permission.WRITE_TAGS: is_copy or "x-amz-tagging" in request.headers,
        }
        return answer if needed[permission] else None

    return plan


PERMISSIONS = {
    Permission.LIST: "{} cannot be listed: access denied.",
    Permission.READ: "Objects in {} cannot be read: access denied.",
    Permission.WRITE: "{} cannot be written to: access denied.",
    Permission.DELETE: "Objects in {} cannot be removed: access denied.",
    Permission.READ_TAGS: "{} cannot be used: access denied.",
    Permission.WRITE_TAGS: "{} cannot be used: access denied.",
}
"""What a user reads who lacks one permission from the beginning."""


_often = {Permission.READ, Permission.DELETE}


@pytest.mark.parametrize(
    "permission", [pytest.param(each, marks=[] if each in _often else pytest.mark.slow) for each in PERMISSIONS]
)
def test_a_permission_that_was_never_there(place: Place, permission: Permission) -> None:
    before = place.bucket.snapshot()
    place.proxy.plan = lacking(permission)
    ran = place.run("organize", place.url)
    sentence, hint = ran.err.splitlines()
    assert (ran.code, ran.out, sentence) == (2, "", "fileorg: " + PERMISSIONS[permission].format(place.url))
    assert hint.startswith(f"Hint: it needs the permission {permission}")
    left = place.bucket.snapshot().keys() - before
    if permission is Permission.DELETE:
        [key] = left
        assert hint.endswith(f"; it leaves {place.bucket.prefix}{key} there")
    else:
        assert left == set()
    place.proxy.plan = lambda _: None  # the permission is there now
    assert place.run("organize", place.url).code == 0
    moved = {f"Images/{name}": before[name] for name in ("a.jpg", "b.jpg")} | {"Documents/c.pdf": before["c.pdf"]}
    assert place.bucket.snapshot() == moved | {
        key: held for key, held in place.bucket.snapshot().items() if key in left
    }


COMMANDS = {
    "organize": ["organize", "{}"],
    "dedupe": ["dedupe", "{}", "--action", "quarantine"],
    "clean": ["clean", "{}", "--empty-files"],
    "into the store": ["organize", "tree", "--dest", "{}/up"],
    "out of the store": ["organize", "{}", "--dest", "down"],
    "undo": ["undo", "1"],
    "purge": ["purge", "--yes"],
}
_some = [("organize", Permission.DELETE), ("out of the store", Permission.DELETE), ("organize", Permission.WRITE)]


@pytest.mark.parametrize(
    ("command", "permission"),
    [
        pytest.param(command, permission, marks=[] if (command, permission) in _some else pytest.mark.slow)
        for command in COMMANDS
        for permission in PERMISSIONS
    ],
)
def test_a_permission_that_is_lost_later(place: Place, tree: Tree, command: str, permission: Permission) -> None:
    """fileorg knows the bucket already, and a command meets the refusal in the middle."""
    place.note_probed()
    place.bucket.write({"empty.txt": ""})
    tree.write({"x.jpg": "local"})
    if command in {"undo", "purge"}:
        assert place.run("dedupe", place.url, "--action", "quarantine").code == 0
    place.proxy.plan = lacking(permission)
    ran = place.run(*(word.format(place.url) for word in COMMANDS[command]))
    refused = ran.code != 0
    assert not refused or (ran.code in {1, 2} and permission_is_named(ran, permission)), ran
    if not (command == "purge" and not refused):
        assert all_contents(place, tree) >= {"one", "three", "local"}
    if command == "organize":
        assert refused
    place.proxy.plan = lambda _: None  # it is there again
    assert place.run("recover").code == 0
    again = place.run(*(word.format(place.url) for word in COMMANDS[command]))
    leaves_copies = (command, permission) == ("undo", Permission.DELETE)  # they have the names, and are named
    assert again.code == (1 if leaves_copies else 0 if refused or command != "undo" else 5), again
    assert all_contents(place, tree) >= {"one", "three", "local"}


def permission_is_named(ran: Ran, permission: Permission) -> bool:
    could_not_remove = permission is Permission.DELETE and "it could not be removed after the copy" in ran.err
    return could_not_remove or (permission in ran.err and "access denied" in ran.err)


def all_contents(place: Place, tree: Tree) -> set[str]:
    """Return all contents, in the bucket and in the folders beside it."""
    files = [path for path in tree.root.parent.rglob("*") if path.is_file() and "state" not in path.parts]
    return set(place.bucket.read().values()) | {path.read_text(errors="replace") for path in files}


class Refusal(NamedTuple):
    """An answer that refuses each request, and what a user reads: at the beginning, with the exit code, and later."""

    answer: bytes
    said: str
    code: int
    later: str


PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\nConnection: close\r\n\r\n<p>Hello"
REFUSALS = {
    "expired": Refusal(
        error_answer(400, "ExpiredToken"), "The credentials for {} have expired.", 2, "the credentials have expired"
    ),
    "no bucket": Refusal(
        error_answer(404, "NoSuchBucket"), f"There is no bucket {BUCKET}.", 2, "its bucket is not there"
    ),
    "unknown key": Refusal(
        error_answer(403, "InvalidAccessKeyId"),
        "The credentials for {} are not valid.", 2, "the credentials are not valid",
    ),
    "skew": Refusal(
        error_answer(403, "RequestTimeTooSkewed"),
        "{} refuses the time of this computer.", 2, "it refuses the time of this computer",
    ),
    "region": Refusal(
        error_answer(400, "AuthorizationHeaderMalformed", "the region is wrong"),
        f"{BUCKET} is in another region.", 2, "its bucket is in another region",
    ),
    "requester pays": Refusal(
        error_answer(403, "AccessDenied", "The bucket is a Requester Pays bucket."),
        f"{BUCKET} bills its readers.", 2, "its bucket bills its readers",
    ),
    "a page": Refusal(
        PAGE, "What answers for {} is no object store.", 1, "what answers is no object store"
    ),
    "an error": Refusal(
        error_answer(500, "InternalError"), "{} cannot be used: server (InternalError).", 1,
        "the store reported an error of its own",
    ),
}  # fmt: skip
_fast = {"expired", "no bucket"}
_each = [pytest.param(case, marks=[] if case in _fast else pytest.mark.slow) for case in REFUSALS]


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSALS)
def test_a_store_that_refuses_from_the_beginning(place: Place, case: str) -> None:
    refusal = REFUSALS[case]
    before = place.bucket.snapshot()
    place.proxy.plan = lambda _: refusal.answer
    ran = place.run("organize", place.url)
    sentence, hint = ran.err.splitlines()
    assert (ran.code, ran.out, sentence) == (refusal.code, "", "fileorg: " + refusal.said.format(place.url))
    assert hint.startswith("Hint: ")
    assert place.bucket.snapshot() == before
    place.proxy.plan = lambda _: None
    assert place.run("history").out.startswith("No operations yet")


@pytest.mark.parametrize("case", _each)
def test_a_store_that_refuses_in_the_middle(place: Place, case: str) -> None:
    """The run ends and its operation stays open; once the store answers, it is recovered, and undone exactly."""
    refusal = REFUSALS[case]
    place.note_probed()
    place.bucket.write({f"{number}.png": str(number) for number in range(5)})
    before = place.bucket.snapshot()
    copies = 0

    def plan(request: ProxiedRequest) -> bytes | None:
        nonlocal copies
        copies += "x-amz-copy-source" in request.headers
        return refusal.answer if copies > 2 else None

    place.proxy.plan = plan
    ran = place.run("organize", place.url)
    assert (ran.code, ran.err.splitlines()[0]) == (1, f"fileorg: {place.url} cannot be used any more: {refusal.later}.")
    assert {held.content for held in place.bucket.snapshot().values()} == {held.content for held in before.values()}
    ran = place.run("recover")
    said = f"Operation 1 was interrupted and cannot be recovered now: {refusal.said.format(place.url)}"
    assert (ran.code, said in ran.err) == (1, True), ran
    place.proxy.plan = lambda _: None
    ran = place.run("recover")
    assert (ran.code, "Recovered operation 1" in ran.err) == (0, True), ran
    assert place.run("undo", "1").code == 0
    assert place.bucket.snapshot() == before


def test_no_network(place: Place, tree: Tree) -> None:
    tree.write({"x.jpg": "local"})
    before = tree.snapshot()
    nobody = f"http://127.0.0.1:{servers.free_ports(1)[0]}"
    for words in (["scan", place.url], ["organize", "tree", "--dest", place.url]):
        ran = place.run(*words, AWS_ENDPOINT_URL_S3=nobody)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == f"fileorg: {place.url} cannot be reached.\nHint: check the network and the endpoint\n"
    assert tree.snapshot() == before


def test_a_profile_that_is_empty_or_not_there(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[profile empty]\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    said = {
        "empty": f"No credentials were found for {place.url}.",
        "missing": f"The profile for {place.url} does not exist.",
    }
    for profile, sentence in said.items():
        ran = place.run(
            "organize", place.url, AWS_PROFILE=profile, AWS_CONFIG_FILE=str(tmp_path / "config"), HOME=str(tmp_path)
        )
        assert (ran.code, ran.err.splitlines()[0]) == (2, f"fileorg: {sentence}")


def test_a_key_that_would_be_too_long(place: Place) -> None:
    """The object stays and is named; the others are moved."""
    place.note_probed()
    deep = "/".join(["p" * 120] * 8)
    room = 1024 - len(f"{place.bucket.prefix}{deep}/Images/.jpg")
    bucket = Bucket(place.bucket.client, f"{place.bucket.prefix}{deep}/")
    long = "x" * (room + 1)
    bucket.write({f"{long}.jpg": "long", "a.jpg": "short"})
    before = bucket.snapshot()
    ran = place.run("organize", f"{place.url}/{deep}")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "1 file could not be processed:",
        f"  {long}.jpg: its key would be longer than 1,024 bytes",
    ]
    assert bucket.read() == {f"{long}.jpg": "long", "Images/a.jpg": "short"}
    assert place.run("undo", "1").code == 0
    assert bucket.snapshot() == before
