"""A store that cannot be used says why: each cause has its code, nothing is done, and a user reads one sentence."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING

import pytest
from tests.storage.object import servers
from tests.storage.object.contract import Store
from tests.storage.object.fault_proxy import error_answer, fault_proxy

from fileorg.core.errors import Exit, FileorgError, StorageFailure
from fileorg.core.store_settings import StoreSettings
from fileorg.storage.object import aws_sender
from fileorg.storage.object.client import ObjectCopy, ObjectDeletion, Result, StoredObject
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.sender import LoopClock
from fileorg.storage.object.store_error import Permission, StoreCode, StoreError
from fileorg.workflows import stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.storage.object.fault_proxy import Fault, FaultProxy, ProxiedRequest
    from tests.storage.object.servers import S3Server


BUCKET = "refusals"


@pytest.fixture(scope="module")
def stored(seaweedfs: S3Server) -> StoredObject:
    """An object in the bucket."""
    servers.make_bucket(seaweedfs, BUCKET)
    with servers.environment_of(seaweedfs), opened(seaweedfs.settings) as client:
        return Store(client, b"there/", 1).write(b"a")


async def no_wait(_seconds: float) -> None:
    """The sleep of a simulated clock."""


@contextlib.contextmanager
def opened(settings: StoreSettings, bucket: str = BUCKET) -> Iterator[S3Client]:
    client = S3Client(bucket, settings, clock=LoopClock(no_wait))
    yield client
    client.close()


@contextlib.contextmanager
def behind(
    server: S3Server, plan: Callable[[ProxiedRequest], Fault | bytes | None]
) -> Iterator[tuple[S3Client, FaultProxy]]:
    """A client behind a proxy that answers for the server."""
    with (
        servers.environment_of(server),
        fault_proxy(server.endpoint, plan) as proxy,
        opened(server.settings._replace(endpoint=proxy.endpoint)) as client,
    ):
        yield client, proxy


def refused(client: S3Client) -> StoreError:
    with pytest.raises(StoreError) as error:
        list(client.pages())
    return error.value


def sentence(error: StoreError) -> FileorgError:
    """Return what a user reads."""
    return stores.failure(error, b"s3://refusals/folder")


# Permissions, on a real server


def test_a_user_who_may_not_list(seaweedfs: S3Server, stored: StoredObject) -> None:
    with servers.environment_of(seaweedfs, servers.NO_LIST), opened(seaweedfs.settings) as client:
        error = refused(client)
        assert (error.code, error.permission) == (StoreCode.DENIED, Permission.LIST)
        assert client.read(stored.key, 0, 3, etag=stored.etag) == b"con"


def test_a_user_who_may_not_read(seaweedfs: S3Server, stored: StoredObject) -> None:
    with servers.environment_of(seaweedfs, servers.NO_READ), opened(seaweedfs.settings) as client:
        with pytest.raises(StoreError) as error:
            client.read(stored.key, 0, 3, etag=stored.etag)
        assert (error.value.code, error.value.permission) == (StoreCode.DENIED, Permission.READ)
        assert stored.key in [each.key for page in client.pages() for each in page]


def test_a_user_who_may_not_write_changes_nothing(seaweedfs: S3Server, stored: StoredObject) -> None:
    with servers.environment_of(seaweedfs, servers.NO_WRITE), opened(seaweedfs.settings) as client:
        copied = client.copy([ObjectCopy(stored.key, stored.etag, b"there/b", stored.size)])[0]
        put = client.put(b"there/c", b"x")
        deleted = client.delete([ObjectDeletion(stored.key, stored.etag)] * 2)
        for outcome in (copied, put, *deleted):
            assert outcome.result is Result.FAILED
            assert outcome.error is not None
            assert outcome.error.code is StoreCode.DENIED
        assert client.head([stored.key, b"there/b", b"there/c"]) == [stored, None, None]


# What only other services say: the answers of S3, as it sends them

ANSWERS = {
    "expired": (error_answer(400, "ExpiredToken", "The token has expired."), StoreCode.EXPIRED, "have expired"),
    "skew": (error_answer(403, "RequestTimeTooSkewed"), StoreCode.CLOCK_SKEW, "refuses the time"),
    "unknown key": (error_answer(403, "InvalidAccessKeyId"), StoreCode.BAD_CREDENTIALS, "are not valid"),
    "signature": (error_answer(403, "SignatureDoesNotMatch"), StoreCode.BAD_CREDENTIALS, "are not valid"),
    "region": (
        error_answer(400, "AuthorizationHeaderMalformed", "the region 'a' is wrong; expecting 'b'"),
        StoreCode.WRONG_REGION,
        "another region",
    ),
    "requester pays": (
        error_answer(403, "AccessDenied", "The bucket is a Requester Pays bucket."), StoreCode.REQUESTER_PAYS, "bills"
    ),
    "no bucket": (error_answer(404, "NoSuchBucket"), StoreCode.NO_BUCKET, "There is no bucket refusals."),
    "busy": (error_answer(503, "SlowDown"), StoreCode.THROTTLED, "cannot be used"),
    "a page": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\nConnection: close\r\n\r\n<p>Hello",
        StoreCode.NOT_A_STORE,
        "is no object store",
    ),
    "a page that is XML": (
        b"HTTP/1.1 403 No\r\nContent-Type: text/html\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<html></html>",
        StoreCode.NOT_A_STORE,
        "is no object store",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_has_its_code_and_sentence(case: str, seaweedfs: S3Server) -> None:
    answer, code, said = ANSWERS[case]
    with behind(seaweedfs, lambda _: answer) as (client, proxy):
        error = refused(client)
    assert error.code is code
    assert len(proxy.requests) == (1 if error.is_permanent else 8)
    shown = sentence(error)
    assert said in str(shown)
    assert shown.hint
    assert shown.exit_code is (Exit.USAGE if error.is_permanent else Exit.SOME_FAILED)
    assert servers.SECRET_KEY not in f"{shown} {shown.hint} {error} {error.__cause__}"


def test_credentials_that_expire_in_the_middle(seaweedfs: S3Server, stored: StoredObject, prefix: bytes) -> None:
    """What was done is told as done, and what was not as not done: the operation can be continued."""
    copied = 0

    def plan(request: ProxiedRequest) -> bytes | None:
        nonlocal copied
        copied += "x-amz-copy-source" in request.headers
        return ANSWERS["expired"][0] if copied > 3 else None

    rows = [ObjectCopy(stored.key, stored.etag, prefix + b"%d" % number, stored.size) for number in range(8)]
    with behind(seaweedfs, plan) as (client, _):
        outcomes = client.copy(rows)
    results = [each.result for each in outcomes]
    assert (results.count(Result.DONE), results.count(Result.FAILED)) == (3, 5)
    with servers.environment_of(seaweedfs), opened(seaweedfs.settings) as client:
        there = client.head([row.target_key for row in rows])
        assert [each is not None for each in there] == [each is Result.DONE for each in results]
        failed = [outcome.error for outcome in outcomes if outcome.error is not None]
        assert {error.code for error in failed} == {StoreCode.EXPIRED}


@pytest.mark.parametrize(
    ("message", "permission"),
    [
        ("User: arn:aws:iam::1:user/a is not authorized to perform: s3:GetObjectTagging", Permission.READ_TAGS),
        ("User: arn:aws:iam::1:user/a is not authorized to perform: s3:PutObjectTagging", Permission.WRITE_TAGS),
        ("Access Denied", Permission.WRITE),
    ],
)
def test_the_missing_permission_of_a_copy_is_named(
    message: str, permission: Permission, seaweedfs: S3Server, stored: StoredObject
) -> None:
    answer = error_answer(403, "AccessDenied", message)
    with behind(seaweedfs, lambda _: answer) as (client, _):
        outcome = client.copy([ObjectCopy(stored.key, stored.etag, b"there/b", stored.size)])[0]
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.permission) == (StoreCode.DENIED, permission)


def test_an_archived_object_is_left(seaweedfs: S3Server, stored: StoredObject) -> None:
    answer = error_answer(403, "InvalidObjectState", "The operation is not valid for the object's storage class")
    with behind(seaweedfs, lambda _: answer) as (client, _):
        outcome = client.copy([ObjectCopy(stored.key, stored.etag, b"there/b", stored.size)])[0]
    assert outcome.error is not None
    assert (outcome.result, outcome.error.code) == (Result.FAILED, StoreCode.ARCHIVED)


# What never reaches a server


def test_no_server_at_the_endpoint(seaweedfs: S3Server, stored: StoredObject) -> None:
    nobody = f"http://127.0.0.1:{servers.free_ports(1)[0]}"
    with servers.environment_of(seaweedfs), opened(seaweedfs.settings._replace(endpoint=nobody)) as client:
        assert refused(client).code is StoreCode.NO_NETWORK
        outcome = client.copy([ObjectCopy(stored.key, stored.etag, b"there/b", stored.size)])[0]
        assert outcome.result is Result.FAILED, "nothing was sent"


def test_a_profile_that_is_not_there_and_one_that_is_empty(
    seaweedfs: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[profile empty]\n")
    with servers.environment_of(seaweedfs):
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        with opened(seaweedfs.settings._replace(profile="nobody")) as client:
            assert refused(client).code is StoreCode.NO_PROFILE
        with opened(seaweedfs.settings._replace(profile="empty")) as client:
            assert refused(client).code is StoreCode.NO_CREDENTIALS


@pytest.mark.parametrize(
    ("text", "variable", "value"),
    [
        ("[default\n", "", ""),
        ("[default]\ns3 =\n  addressing_style = sideways\n", "", ""),
        ("[default]\ncredential_process = /nowhere/program\n", "", ""),
        ("", "AWS_ENDPOINT_URL_S3", "nonsense"),
        ("", "AWS_ENDPOINT_URL_S3", "ftp://127.0.0.1:1"),
        ("", "AWS_CA_BUNDLE", "/nowhere/certificates"),
    ],
)
def test_settings_of_aws_that_cannot_be_used(
    text: str, variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(text)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    if "credential" not in text:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable or "AWS_ENDPOINT_URL_S3", value or "https://127.0.0.1:1")
    if variable == "AWS_CA_BUNDLE":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://127.0.0.1:1")
    with opened(StoreSettings(region="us-east-1", addressing="" if "sideways" in text else "path")) as client:
        error = refused(client)
    assert (error.code, error.may_be_done) == (StoreCode.BAD_SETTINGS, False)
    said = stores.failure(error, b"s3://bucket/inbox")
    assert str(said).startswith("The settings of AWS for s3://bucket/inbox cannot be used: ")
    assert said.exit_code == Exit.USAGE


def test_the_driver_prints_nothing_of_a_login_that_has_expired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").write_text(
        "[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
        "[sso-session s]\nsso_start_url = https://sso.invalid\nsso_region = us-east-1\n"
    )
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of pytest would take it
    with opened(StoreSettings("http://127.0.0.1:1", region="us-east-1")) as client:
        assert refused(client).code is StoreCode.EXPIRED
    assert capsys.readouterr().err == ""


def test_a_name_that_no_bucket_can_have(seaweedfs: S3Server) -> None:
    with servers.environment_of(seaweedfs), opened(seaweedfs.settings, "no bucket!") as client:
        assert refused(client).code is StoreCode.NO_BUCKET


def test_a_missing_driver_is_named_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "aiobotocore.session", None)
    with pytest.raises(StorageFailure) as error:
        S3Client("bucket")
    assert str(error.value) == "S3 needs a driver that is not installed."
    assert error.value.hint == f"install it with: {aws_sender.INSTALL}" == "install it with: pip install 'fileorg[s3]'"
