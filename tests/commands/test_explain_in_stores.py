"""Explain says of an object what organize does with it, and why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.buckets import Bucket, bucket_of

from fileorg.core.errors import UsageError
from fileorg.core.model import By
from fileorg.rules.config_file import parse_configuration
from fileorg.rules.filters import Filters
from fileorg.rules.ignore import IgnoreReason
from fileorg.scan.stays import NotTaken
from fileorg.workflows.explain import Explained, Status, explain
from fileorg.workflows.organize import OrganizeOptions

if TYPE_CHECKING:
    from tests.support.runs import Runs

OBJECTS = {
    "a.jpg": "picture",
    "c.cr2": "raw",
    "c.xmp": "edits",
    "b.pdf": "",
    "b.pdf.part": "half",
    "d.xyz": "?",
    ".hidden": "1",
    "project/package.json": "{}",
    "project/x.js": "x",
    "deep/e.pdf": "text",
    "same.txt": "same",
    "Documents/same.txt": "same",
}


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """The folder `inbox` of a bucket in memory."""
    found = bucket_of(request, "inbox/")
    found.write(OBJECTS)
    return found


def explained(bucket: Bucket, runs: Runs, key: str, root: str | None = "", **options: object) -> Explained:
    chosen = OrganizeOptions(b"", filters=Filters(recursive=False), **options)  # type: ignore[arg-type]
    url = os.fsdecode(bucket.url)
    at = None if root is None else os.fsencode(f"{url}/{root}".rstrip("/"))
    return explain(os.fsencode(f"{url}/{key}"), at, chosen, runs.state)


@pytest.mark.parametrize(
    ("key", "reason", "marker"),
    [
        ("b.pdf", IgnoreReason.UNFINISHED, "b.pdf.part"),
        ("d.xyz", NotTaken.UNKNOWN_KIND, None),
        (".hidden", IgnoreReason.HIDDEN, None),
        pytest.param("project/x.js", IgnoreReason.PROJECT, "project/package.json", id="in a project"),
        ("deep", NotTaken.NOT_A_FILE, None),
    ],
)
def test_an_object_that_stays(bucket: Bucket, runs: Runs, key: str, reason: object, marker: str | None) -> None:
    before = bucket.snapshot()
    found = explained(bucket, runs, key)
    assert (found.status, found.reason) == (Status.STAYS, reason)
    assert found.marker == (None if marker is None else bucket.url + b"/" + os.fsencode(marker))
    assert bucket.snapshot() == before


def test_objects_that_go(bucket: Bucket, runs: Runs) -> None:
    url = os.fsdecode(bucket.url)
    for key, new_path in {
        "a.jpg": "Images/a.jpg", "c.xmp": "Images/c.xmp", "deep/e.pdf": "Documents/e.pdf",
    }.items():  # fmt: skip
        found = explained(bucket, runs, key)
        assert (found.status, found.new_path) == (Status.GOES, os.fsencode(f"{url}/{new_path}")), key
    assert explained(bucket, runs, "c.cr2").group == [os.fsencode(f"{url}/{name}") for name in ("c.cr2", "c.xmp")]
    runs.organize(root=bucket.url)
    assert "Images/a.jpg" in bucket.keys()  # noqa: SIM118  no dictionary
    assert explained(bucket, runs, "Images/a.jpg").reason is NotTaken.IN_PLACE


def test_the_usual_root_is_not_a_folder_of_organize(bucket: Bucket, runs: Runs) -> None:
    found = explained(bucket, runs, "deep/e.pdf", None)
    assert found.new_path == bucket.url + b"/deep/Documents/e.pdf"
    assert explained(bucket, runs, "Documents/same.txt", None).reason is NotTaken.IN_PLACE


def test_rules_and_a_folder_on_a_disk(bucket: Bucket, runs: Runs) -> None:
    rules = parse_configuration(
        b"fileorg.toml",
        b'version = 1\n[[rule]]\nname = "papers"\nwhen = { ext = "jpg" }\nto = "Own/{stem:upper}.{ext}"\n',
    )
    found = explained(bucket, runs, "a.jpg", configuration=rules)
    assert found.rule is not None
    assert (found.rule.name, found.new_path) == ("papers", bucket.url + b"/Own/A.jpg")
    root = os.fsencode(runs.tree.root)
    assert explained(bucket, runs, "a.jpg", dest=root).new_path == root + b"/Images/a.jpg"


@pytest.mark.parametrize(
    ("url", "root", "says"),
    [
        ("URL/missing.jpg", None, "There is no file"),
        ("URL/deep/", None, "There is no file"),
        ("BUCKET", None, "There is no file"),
        ("BUCKET/inbox/../a.jpg", None, "two dots"),
        ("URL/a.jpg", "URL/deep", "is not in"),
        ("URL/a.jpg", "/", "is not in"),
        ("memory://key:secret@bucket/a.jpg", None, "no user and no password"),
    ],
)
def test_what_cannot_be_explained(bucket: Bucket, runs: Runs, url: str, root: str | None, says: str) -> None:
    places = {"URL": os.fsdecode(bucket.url), "BUCKET": bucket.client.url}
    for word, place in places.items():
        url, root = url.replace(word, place), root and root.replace(word, place)
    chosen = OrganizeOptions(b"")
    with pytest.raises(UsageError) as caught:
        explain(os.fsencode(url), root and os.fsencode(root), chosen, runs.state)  # type: ignore[arg-type]
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_needs_the_content_is_refused(bucket: Bucket, runs: Runs) -> None:
    with pytest.raises(UsageError, match="cannot yet use --by date"):
        explained(bucket, runs, "a.jpg", by=By.DATE)
