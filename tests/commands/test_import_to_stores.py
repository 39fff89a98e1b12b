"""A card is imported into an object store, and the certificate says what is there."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.faulty_stores import faults_of_all_stores
from tests.support.buckets import Bucket, bucket_of
from tests.support.faulty_client import KILLS, Fault, Killed

from fileorg.core.errors import StorageFailure
from fileorg.core.events import NullReporter
from fileorg.core.model import By, JobState, OperationState
from fileorg.jobs.carry_out import carry_out
from fileorg.jobs.found import job
from fileorg.journal.journal import Journal
from fileorg.rules.config_file import parse_configuration
from fileorg.storage.object.memory import MemoryClient
from fileorg.workflows.import_files import ImportOptions, importing
from fileorg.workflows.recover import recover_all
from fileorg.workflows.session import Later

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.runs import Runs

_LARGE = "x" * 20_000
_MAX_REQUESTS = 200


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """The folder `photos` of a bucket in memory."""
    return bucket_of(request, "photos/")


def imported(
    runs: Runs, bucket: Bucket, *, after: Callable[[], object] = lambda: None, **options: Any
) -> tuple[int, bool, dict[str, str | None]]:
    """Import the tree. Return the number of copies, whether the certificate is complete, and the key of each file."""
    chosen = ImportOptions(os.fsencode(runs.tree.root), bucket.url, **options)
    with importing(chosen, runs.state, NullReporter()) as run:
        copied = run.run().done if run.plan.files else 0
        after()
        with run.certificate() as certificate:
            assert f"{os.fsdecode(bucket.url)}" in " ".join(certificate.sentences())
            places = {
                _relative(path, os.fsencode(runs.tree.root)): None if place is None else _relative(place, bucket.url)
                for path, _, place in certificate.files()
            }
            run.end(None, is_complete=certificate.is_complete)
            return copied, certificate.is_complete, places


def _relative(path: bytes, root: bytes) -> str:
    return os.fsdecode(path.removeprefix(root + b"/"))


def test_each_content_is_copied_once_unless_it_is_there_under_any_name(runs: Runs, bucket: Bucket) -> None:
    runs.tree.write({"a.jpg": "one", "again/a.jpg": "one", "b.pdf": "two", "large.mp4": _LARGE, "empty.txt": ""})
    bucket.write({"Other/there.pdf": "two", "Images/a.jpg": "another"})
    before, there = runs.tree.snapshot(), bucket.snapshot()
    places = {
        "a.jpg": "Images/a (2).jpg", "again/a.jpg": "Images/a (2).jpg", "b.pdf": "Other/there.pdf",
        "large.mp4": "Video/large.mp4",
    }  # fmt: skip
    assert imported(runs, bucket) == (2, True, places)
    assert bucket.read() == {
        "Other/there.pdf": "two", "Images/a.jpg": "another", "Images/a (2).jpg": "one", "Video/large.mp4": _LARGE,
    }  # fmt: skip
    assert runs.tree.snapshot() == before
    assert imported(runs, bucket)[:2] == (0, True)
    runs.undo()
    assert bucket.snapshot() == there


@pytest.mark.parametrize("paranoid", [False, True])
def test_objects_that_went_in_parts_are_compared_by_their_content(
    runs: Runs, bucket: Bucket, *, paranoid: bool
) -> None:
    bucket = Bucket(MemoryClient(bucket.client.bucket, part_limit_bytes=100), "photos/")
    runs.tree.write({"a.jpg": "a" * 300, "b.jpg": "b" * 300, "c.jpg": "c" * 300})
    bucket.write({"Images/c.jpg": "c" * 300, "Images/b.jpg": "d" * 300})
    copied, is_complete, places = imported(runs, bucket, paranoid=paranoid)
    assert (copied, is_complete) == (2, True)
    assert places == {"a.jpg": "Images/a.jpg", "b.jpg": "Images/b (2).jpg", "c.jpg": "Images/c.jpg"}


def test_a_group_goes_as_a_whole_and_a_late_sidecar_gets_its_number(runs: Runs, bucket: Bucket) -> None:
    runs.tree.write({"a.cr2": "raw", "b.cr2": "another raw", "b.xmp": "edits"})
    bucket.write({"Images/a.cr2": "of another card"})
    imported(runs, bucket)
    assert bucket.keys() == ["Images/a (2).cr2", "Images/a.cr2", "Images/b.cr2", "Images/b.xmp"]
    runs.tree.write({"a.xmp": "late edits"})
    assert imported(runs, bucket)[:2] == (1, True)
    assert bucket.read()["Images/a (2).xmp"] == "late edits"


def test_rules_and_dates_say_where_copies_go(runs: Runs, bucket: Bucket) -> None:
    runs.tree.write({"IMG_20190531_101500.jpg": "1", "b.pdf": "2", "c.dmg": "3"})
    toml = b'version = 1\n[[rule]]\nwhen = { ext = "pdf" }\nto = "Papers/{stem:upper}.{ext}"\n'
    toml += b'[[rule]]\nwhen = { ext = "dmg" }\naction = "trash"\n'
    configuration = parse_configuration(b"fileorg.toml", toml)
    copied, is_complete, places = imported(runs, bucket, by=By.DATE, configuration=configuration)
    assert (copied, is_complete, places["IMG_20190531_101500.jpg"]) == (3, True, "2019/05/IMG_20190531_101500.jpg")
    assert places["b.pdf"] == "Papers/B.pdf"


@pytest.mark.parametrize(
    "change",
    [
        lambda bucket: bucket.remove("Images/a.jpg"),
        lambda bucket: bucket.write({"Images/a.jpg": "six"}),
        lambda bucket: bucket.write({"Images/a.jpg": "longer than before"}),
    ],
)
def test_what_is_not_in_the_store_any_more_is_missing(
    runs: Runs, bucket: Bucket, change: Callable[[Bucket], object]
) -> None:
    runs.tree.write({"a.jpg": "one", "b.jpg": "two"})
    _, is_complete, places = imported(runs, bucket, after=lambda: change(bucket))
    assert (is_complete, places) == (False, {"a.jpg": None, "b.jpg": "Images/b.jpg"})


def test_a_job_writes_the_certificate(runs: Runs, bucket: Bucket, tmp_path: Path) -> None:
    runs.tree.write({"a.jpg": "one", "b.jpg": "two"})
    path = tmp_path / "certificate.json"
    chosen = ImportOptions(os.fsencode(runs.tree.root), bucket.url, certificate=os.fsencode(path))
    later = Later(holds=True)
    with importing(chosen, runs.state, NullReporter()) as run:
        run.save(later)
    os.close(later.fd)
    carry_out(runs.state, later.number, NullReporter(), lambda: False)
    certificate = json.loads(path.read_text())
    assert (certificate["certificate"]["is_complete"], len(certificate["contents"])) == (True, 2)
    assert certificate["contents"][0]["new_path"] == f"{os.fsdecode(bucket.url)}/Images/a.jpg"
    assert job(runs.state, 1).state is JobState.DONE
    assert bucket.read() == {"Images/a.jpg": "one", "Images/b.jpg": "two"}


@pytest.mark.parametrize("fault", [*KILLS, Fault.LOSE_THE_REQUEST, Fault.LOSE_THE_ANSWER, Fault.STORE_FAILS])
@pytest.mark.parametrize("stride", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_an_import_ends_at_a_request_and_goes_on(
    runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, fault: Fault, stride: int
) -> None:
    """No certificate is complete without all contents, and undo removes the copies."""
    faults = faults_of_all_stores(monkeypatch)
    runs.tree.write({"a.jpg": "one", "b.pdf": "two", "c.jpg": "three, and more", "d.cr2": "raw", "d.xmp": "edits"})
    card = runs.tree.snapshot()
    contents = {*runs.tree.read().values()}
    for at in range(0, _MAX_REQUESTS, stride):
        here = Bucket(bucket.client, f"photos {at}/")
        here.write({"Images/c.jpg": "there before"})
        there = here.snapshot()
        faults.arm(fault, at)
        try:
            _, is_complete, _ = imported(runs, here)
        except (Killed, OSError, StorageFailure):
            is_complete = False
            assert faults.happened
        faults.disarm()
        assert here.read()["Images/c.jpg"] == "there before"
        assert not is_complete or {*here.read().values()} >= contents
        recover_all(runs.state, NullReporter())
        with Journal(runs.state.journal, read_only=True) as journal:
            operations = [each for each in journal.operations() if each.root == os.fsencode(runs.tree.root)]
            assert {each.state for each in operations} <= {OperationState.SEALED}
        assert not here.client.uploads()
        assert imported(runs, here)[1]
        assert {*here.read().values()} == contents | {"there before"}
        assert runs.tree.snapshot() == card
        while here.snapshot() != there:
            runs.undo()
        if not faults.happened:
            assert at > 5
            return
    raise AssertionError("the import does not end")
