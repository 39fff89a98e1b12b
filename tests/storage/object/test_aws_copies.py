"""Copies that do not go through botocore are the same requests, and their answers mean the same."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from tests.storage.object import servers
from tests.storage.object.contract import CONTROL_KEYS, ODD_KEYS, Store
from tests.storage.object.fault_proxy import fault_proxy

from fileorg.storage.object.aws_copies import CopyTarget, copy_headers, signed_headers
from fileorg.storage.object.aws_sender import AwsSender
from fileorg.storage.object.client import ObjectCopy, Result
from fileorg.storage.object.s3 import S3Client

if TYPE_CHECKING:
    from tests.storage.object.fault_proxy import ProxiedRequest
    from tests.storage.object.servers import S3Server

PART_BYTES = 5 << 20
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PATHS = CopyTarget("http://127.0.0.1:9000/b/", "127.0.0.1:9000", "/b/", "eu-west-1", "fileorg")
HOSTS = CopyTarget("https://b.s3.eu-west-1.amazonaws.com/", "b.s3.eu-west-1.amazonaws.com", "/", "eu-west-1", "fileorg")
OF_BOTOCORE = ("amz-sdk-invocation-id", "amz-sdk-request")


@pytest.mark.parametrize("target", [PATHS, HOSTS])
@pytest.mark.parametrize("token", [None, "a+session/token=="])
@pytest.mark.parametrize("key", [*ODD_KEYS, *CONTROL_KEYS])
def test_the_signature_is_that_of_botocore(
    key: bytes, token: str | None, target: CopyTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = {
        "Bucket": "b", "Key": key.decode(), "CopySource": {"Bucket": "b", "Key": "from/" + key.decode()},
        "CopySourceIfMatch": '"0123"', "IfNoneMatch": "*", "MetadataDirective": "COPY", "TaggingDirective": "COPY",
        "StorageClass": "STANDARD_IA", "RequestPayer": "requester",
    }  # fmt: skip
    credentials = ReadOnlyCredentials("access", "secret", token)
    headers = copy_headers(parameters)
    assert headers is not None
    found = signed_headers(target, key.decode(), headers, credentials, NOW.strftime("%Y%m%dT%H%M%SZ"))
    monkeypatch.setattr(auth, "get_current_datetime", lambda **_: NOW)
    request = AWSRequest("PUT", target.url + quote(key.decode(), safe="/~"), headers=headers)
    auth.S3SigV4Auth(credentials, "s3", target.region).add_auth(request)
    assert found["authorization"] == request.headers["Authorization"]
    assert {name: found[name.lower()] for name in request.headers} == dict(request.headers.items())


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-ECDSA-P256-SHA256 Credential=access/20260102/s3/aws4_request, Signature=0",
        "AWS4-HMAC-SHA256 Credential=access/20260102/eu-west-1/s3express/aws4_request, Signature=0",
        "AWS access:0",
        "",
    ],
)
def test_other_signatures_are_left_to_botocore(authorization: str) -> None:
    def target(text: str, url: str = PATHS.url + "a%20b", **more: str) -> CopyTarget | None:
        return CopyTarget.of_request(
            SimpleNamespace(url=url, headers={"Authorization": text, "User-Agent": "fileorg", **more}), "a b"
        )

    plain = "AWS4-HMAC-SHA256 Credential=access/20260102/eu-west-1/s3/aws4_request, Signature=0"
    assert target(plain) == PATHS
    assert target(authorization) is None
    assert target(plain, PATHS.url + "a%20b?x-id=CopyObject") is None
    assert target(plain, **{"x-amz-s3session-token": "0"}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"Bucket": "arn:aws:s3:eu-west-1:123456789012:accesspoint/a"},
        {"CopySource": {"Bucket": "arn:aws:s3:eu-west-1:123456789012:accesspoint/a", "Key": "a"}},
        {"Key": ""},
        {"CopySourceIfMatch": '"a b"'},
        {"CopySourceIfMatch": '"ü"'},
        {"Metadata": {}},
    ],
)
def test_what_has_a_form_of_its_own_is_left_to_botocore(change: dict[str, object]) -> None:
    plain = {"Bucket": "b", "Key": "a", "CopySource": {"Bucket": "b", "Key": "c"}, "CopySourceIfMatch": '"0"'}
    assert copy_headers(plain) is not None
    assert copy_headers(plain | change) is None


def test_only_the_first_copy_goes_through_botocore_and_all_say_the_same(seaweedfs: S3Server, prefix: bytes) -> None:
    servers.make_bucket(seaweedfs, "copies")
    with servers.environment_of(seaweedfs), fault_proxy(seaweedfs.endpoint, lambda _: None) as proxy:
        settings = seaweedfs.settings._replace(endpoint=proxy.endpoint, requester_pays=True)
        with closing(S3Client("copies", settings, sender=AwsSender(settings))) as client:
            store = Store(client, prefix, PART_BYTES)
            source = store.write(b"a")
            for number in range(3):
                row = ObjectCopy(source.key, source.etag, prefix + b"to/%d" % number, 7, storage_class="STANDARD_IA")
                [outcome] = client.copy([row])
                assert (outcome.result, outcome.etag, outcome.mtime_ns > 0) == (Result.DONE, source.etag, True)
    copies = [each for each in proxy.requests if "x-amz-copy-source" in each.headers]
    assert ["amz-sdk-request" in each.headers for each in copies] == [True, False, False]
    assert stated(copies[0]) == stated(copies[1]) == stated(copies[2])


def stated(request: ProxiedRequest) -> dict[str, str]:
    """Return the headers of a request without what is of one request."""
    return {
        name: text
        for name, text in request.headers.items()
        if name not in {*OF_BOTOCORE, "authorization", "x-amz-date"}
    }
