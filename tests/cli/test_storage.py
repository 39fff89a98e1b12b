"""`fileorg storage check` on a real server, and what it says of a store that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.storage.object import servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.storage.object.servers import S3Server


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with servers.moto(tmp_path_factory.mktemp("moto")) as server:
        servers.make_bucket(server, "bucket")
        yield server


@pytest.fixture
def store(moto: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a bucket, by a table of the configuration."""
    path = tmp_path / "stores.toml"
    path.write_text(
        f'version = 1\n[storage.moto]\nendpoint = "{moto.endpoint}"\nregion = "us-east-1"\naddressing = "path"\n'
    )
    monkeypatch.setenv("FILEORG_CONFIG", str(path))
    with servers.environment_of(moto):
        yield "moto://bucket"


def test_a_store_that_ignores_conditions_is_not_safe(fileorg: Fileorg, store: str) -> None:
    ran = fileorg("storage", "check", store)
    assert ran.code == 3
    assert "A copy never replaces an object               NO: it claims to, and does not\n" in ran.out
    lacking = "copy-if-absent, copy-if-match"
    assert f"Moves and undo in this store are NOT safe: it lacks {lacking}.\n" in ran.out
    assert "Uploads to this store are safe.\n" in ran.out
    found = fileorg("storage", "check", f"{store}/folder", "--format", "json").json
    assert (found["url"], found["tested"]) == ("moto://bucket/folder", True)
    assert [use["safe"] for use in found["uses"]] == [False, True, False]


def test_a_store_that_heeds_them_is_safe(fileorg: Fileorg) -> None:
    ran = fileorg("storage", "check", "memory://bucket")
    assert ran.code == 0
    assert "NOT" not in ran.out


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("moto://no-such-bucket", "There is no bucket no-such-bucket."),
        ("moto://me:secret-word@bucket", "holds no user and no password."),
        ("inbox", "inbox is not a URL of an object store."),
        ("other://bucket", "fileorg cannot open other:// URLs: other://bucket."),
        ("MOTO://bucket", "Hint: write moto:// in small letters"),
        ("moto://", "it names no bucket."),
    ],
)
def test_a_url_that_leads_nowhere_is_one_sentence(fileorg: Fileorg, store: str, url: str, said: str) -> None:
    ran = fileorg("storage", "check", url)
    assert ran.code == 2
    assert said in ran.err
    assert "Hint: " in ran.err
    assert "secret-word" not in ran.err + ran.out
    assert "Traceback" not in ran.err


def test_a_wrong_step_is_named_with_the_only_choice(fileorg: Fileorg) -> None:
    ran = fileorg.inside("storage", "nope", "s3://bucket")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "fileorg: step nope is not valid: choose check.")
