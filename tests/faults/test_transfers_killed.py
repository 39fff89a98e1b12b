"""Moves between a folder and a store, and between two services, are killed at each request, and so are their undo and
each recovery; or a request or its answer gets lost.

After each step, every content is in one of the two places, and nothing of others was overwritten. After recovery, each
is in one place only, and an undo restores both places exactly: times, modes and extended attributes of files, metadata,
headers and tags of objects.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.faulty_stores import Rights, late_deletions, make_probed_bucket
from tests.support.buckets import Bucket
from tests.support.faulty_client import KILLS, Fault, Faults, FaultyClient, Killed
from tests.support.tree import Tree

from fileorg.core.errors import StorageFailure
from fileorg.core.events import NullReporter
from fileorg.core.model import OperationState
from fileorg.journal.journal import Journal
from fileorg.rules.config_file import parse_configuration
from fileorg.storage.local.storage import LocalStorage
from fileorg.storage.object.memory import MemoryBucket, MemoryClient
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.store_error import StoreCode, StoreError
from fileorg.workflows import stores
from fileorg.workflows.apply_plan import RowsRefused
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.storage.object.servers import S3Server
    from tests.support.runs import Runs

    from fileorg.storage.object.client import ObjectClient

_numbers = itertools.count()
_MAX_REQUESTS = 200
_SHORT = (Fault.KILL_AFTER, Fault.LOSE_THE_ANSWER)
_FAULTS = [each if each in _SHORT else pytest.param(each, marks=pytest.mark.slow) for each in Fault]
_ROUTES = ["into a store", "into a folder", "to another service"]
_EACH, _SOME = 1, 5
_RULES = b"""
version = 1

[[rule]]
when = { ext = "pdf" }
action = "trash"

[[rule]]
when = { name = "a*" }
to = "Pictures/{stem:upper}.{ext}"
"""


class _Faulty(FaultyClient):
    """Kills at each part of an upload, too, by the id that `begun` gets."""

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if name != "put":
            return found

        def put(*what: Any, **more: Any) -> Any:
            if more.get("begun") is not None:
                noted = more["begun"]

                def begun(upload: str) -> None:
                    noted(upload)
                    if self._faults.due() in KILLS:
                        self._faults.die()

                more["begun"] = begun
            return found(*what, **more)

        return put


@pytest.fixture
def faults() -> Faults:
    return Faults()


class World:
    """Two places, a command that moves between them, and what must hold of them."""

    def __init__(self, route: str, runs: Runs, faults: Faults, tmp_path: Path, buckets: list[Bucket]) -> None:
        number = next(_numbers)
        self._runs, self._faults = runs, faults
        self.tree = Tree(tmp_path / f"folder-{number}")
        self.buckets = buckets[: 2 if route == "to another service" else 1]
        here = self.tree if route == "into a store" else self.buckets[0]
        there = self.tree if route == "into a folder" else self.buckets[-1]
        self._urls = [os.fsencode(place.root if isinstance(place, Tree) else place.url) for place in (here, there)]
        for name, content in {"a.jpg": "one", "b.pdf": "two", "c.jpg": "three, and more"}.items():
            self._write(here, name, content)
        self._write(there, "Images/c.jpg", "there before")
        self.first = self.snapshot()

    @staticmethod
    def _write(place: Tree | Bucket, name: str, content: str) -> None:
        if isinstance(place, Bucket):
            place.write({name: content}, metadata={"of": "a user"}, headers={"content-type": "image/x-own"})
            return
        place.write({name: content})
        place.path(name).chmod(0o640)
        os.setxattr(place.path(name), "user.origin", b"somewhere")
        place.set_time(name, 1_600_000_000_123_456_789)

    def snapshot(self) -> list[Any]:
        return [self.tree.snapshot(), *(bucket.snapshot() for bucket in self.buckets)]

    def organize(self) -> None:
        self._runs.organize(root=self._urls[0], dest=self._urls[1])

    def organize_by_rules(self) -> None:
        rules = parse_configuration(b"fileorg.toml", _RULES)
        self._runs.organize(root=self._urls[0], dest=self._urls[1], configuration=rules)

    def apply(self) -> None:
        """Carry out a plan: a file takes the name of an object in the other place, which makes room."""
        here, there = map(os.fsdecode, self._urls)
        rows = [
            {"path": f"{here}/a.jpg", "new_path": f"{there}/Images/c.jpg"},
            {"path": f"{there}/Images/c.jpg", "new_path": f"{there}/d.jpg"},
            {"path": f"{here}/b.pdf", "new_path": f"{there}/new/b.pdf"},
        ]
        self._runs.apply(rows, roots=self._urls)

    def recover(self) -> None:
        recover_all(self._runs.state, NullReporter())

    def undo(self) -> None:
        self._runs.undo()

    def redo(self) -> None:
        self._runs.redo()

    def delete_objects(self) -> None:
        """Delete what was moved into the store, but for one object."""
        [*gone, _] = sorted(set(self.buckets[0].keys()) - set(self.first[1]))
        for key in gone:
            self.buckets[0].remove(key)

    def purge(self) -> None:
        self._runs.purge()

    def ended_by(self, fault: Fault, at: int, do: Callable[[], object]) -> bool:
        """Do something with a fault; return whether it happened."""
        self._faults.arm(fault, at)
        try:
            do()
        except (Killed, OSError, StorageFailure, RowsRefused):
            assert self._faults.happened
        self._faults.disarm()
        self.check_contents()
        return self._faults.happened

    def check_contents(self) -> None:
        assert set(self._contents()) >= {"one", "two", "three, and more", "there before"}

    def _contents(self, *, with_trash: bool = True) -> Counter[str]:
        found = Counter[str]()
        for held in (self.tree.read(), *(bucket.read() for bucket in self.buckets)):
            found.update(
                content
                for name, content in held.items()
                if not name.endswith("/") and (with_trash or not name.startswith(".fileorg/trash/"))
            )
        return found

    def check_closed(self) -> None:
        with Journal(self._runs.state.journal, read_only=True) as journal:
            assert {each.state for each in journal.operations()} <= {OperationState.SEALED}

    def check_recovered(self) -> None:
        self.recover()
        self.check_closed()
        assert not any(bucket.client.uploads() for bucket in self.buckets)
        assert set(self._contents(with_trash=False).values()) == {1}

    def check_undone(self) -> None:
        """Undo what is left, and assert that both places are as they were first."""
        if self.snapshot() != self.first:
            self.undo()
        assert self.snapshot() == self.first


def _points(
    fault: Fault, made: Callable[[], World], do: Callable[[World], object], stride: int = _EACH
) -> Iterator[World]:
    """Yield a world after a fault at each request of a command, or at every second, third …"""
    for at in range(0, _MAX_REQUESTS, stride):
        world = made()
        if not world.ended_by(fault, at, lambda world=world: do(world)):  # type: ignore[misc]
            assert at > 3
            return
        yield world
    raise AssertionError("the command does not end")


@pytest.fixture(params=_ROUTES)
def made(
    request: pytest.FixtureRequest, runs: Runs, faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], World]:
    """Make new worlds in memory. `other://` is another service. Objects of more than three bytes go in parts."""
    kept: dict[tuple[str, str], MemoryBucket] = {}

    def client(_: bytes, scheme: str, bucket: str) -> ObjectClient:
        found = MemoryClient(bucket, kept.setdefault((scheme, bucket), MemoryBucket()), part_limit_bytes=3)
        found.url, found.service = f"{scheme}://{bucket}", scheme
        return found

    monkeypatch.setattr(stores, "_open_client", lambda *place: _Faulty(client(*place), faults))
    rename = LocalStorage.rename_noreplace

    def faulty_rename(*what: Any) -> None:
        """Rename a file aside, into the trash or back, with faults."""
        fault = faults.due()
        if fault is Fault.KILL_BEFORE:
            faults.die()
        if fault is Fault.FAIL:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(*what)
        if fault is Fault.KILL_AFTER:
            faults.die()

    monkeypatch.setattr(LocalStorage, "rename_noreplace", faulty_rename)

    def world() -> World:
        name = f"transfers-{next(_numbers)}"
        buckets = [Bucket(client(b"", scheme, name), "inbox/") for scheme in ("memory", "other")]
        return World(request.param, runs, faults, tmp_path, buckets)

    return world


@pytest.fixture(params=_ROUTES)
def on_server(
    request: pytest.FixtureRequest, runs: Runs, faults: Faults, tmp_path: Path, seaweedfs: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[], World]]:  # fmt: skip
    """Make new worlds on a real server. `other://` has its own client, and nothing is copied within the server."""
    name = f"transfers-{next(_numbers)}"
    make_probed_bucket(seaweedfs, name, runs.state, monkeypatch)

    def client(_: bytes, scheme: str, bucket: str) -> S3Client:
        return S3Client(bucket, seaweedfs.settings, scheme=scheme)

    monkeypatch.setattr(stores, "_open_client", lambda *place: _Faulty(client(*place), faults))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(contextlib.closing(client(b"", scheme, name))) for scheme in ("s3", "other")]

        def world() -> World:
            buckets = [Bucket(each, f"inbox-{next(_numbers)}/") for each in clients]
            return World(request.param, runs, faults, tmp_path, buckets)

        yield world


def _organized(made: Callable[[], World]) -> World:
    world = made()
    world.organize()
    return world


def _deleted(made: Callable[[], World]) -> World:
    """Return a world whose objects another program has deleted after the move, but for one."""
    world = _organized(made)
    world.delete_objects()
    return world


def _undone(made: Callable[[], World]) -> World:
    world = _organized(made)
    world.undo()
    return world


@pytest.mark.parametrize("fault", _FAULTS)
@pytest.mark.parametrize("stride", [pytest.param(_EACH, marks=pytest.mark.slow), _SOME])
def test_a_run_by_rules_ends_at_a_request(made: Callable[[], World], fault: Fault, stride: int) -> None:
    """A rule moves a file to the trash of its own folder or store."""
    for world in _points(fault, made, World.organize_by_rules, stride):
        world.check_recovered()
        world.check_undone()


@pytest.mark.parametrize("fault", _FAULTS)
@pytest.mark.parametrize("stride", [pytest.param(_EACH, marks=pytest.mark.slow), _SOME])
def test_a_plan_ends_at_a_request(made: Callable[[], World], fault: Fault, stride: int) -> None:
    for world in _points(fault, made, World.apply, stride):
        world.check_recovered()
        world.check_undone()


def test_it_moves_and_comes_back_exactly(made: Callable[[], World]) -> None:
    world = made()
    world.organize()
    moved = world.snapshot()
    world.check_recovered()
    names = {*world.tree.read()}.union(*(bucket.keys() for bucket in world.buckets))
    assert not {"a.jpg", "b.pdf", "c.jpg"} & names
    world.undo()
    assert world.snapshot() == world.first
    world.redo()
    assert [list(each) for each in world.snapshot()] == [list(each) for each in moved]
    world.undo()
    assert world.snapshot() == world.first


@pytest.mark.parametrize("fault", _FAULTS)
def test_organize(made: Callable[[], World], fault: Fault) -> None:
    for world in _points(fault, made, World.organize):
        world.check_recovered()
        world.check_undone()


@pytest.mark.parametrize("fault", _FAULTS)
def test_undo(made: Callable[[], World], fault: Fault) -> None:
    for world in _points(fault, lambda: _organized(made), World.undo):
        world.check_recovered()
        world.check_undone()


@pytest.mark.parametrize("do", [World.organize, World.undo])
def test_a_recovery_ends_where_nothing_can_be_removed_from_a_store(
    made: Callable[[], World], do: Callable[[World], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ready() -> World:
        world = made()
        if do is World.undo:
            world.organize()
        return world

    for world in _points(Fault.KILL_AFTER, ready, do):
        with monkeypatch.context() as patch:
            Rights(patch).denies_all = True
            world.recover()
            world.check_contents()
            world.check_closed()


@pytest.mark.parametrize("made", _ROUTES[1:], indirect=True)
def test_a_deletion_without_an_answer_may_be_carried_out_late(
    made: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, late = made(), late_deletions(monkeypatch)
    with contextlib.suppress(StorageFailure):
        world.organize()
    late.come()
    world.check_contents()
    world.check_recovered()
    world.check_undone()


def _not_withdrawn(world: World, rights: Rights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redo after a purge: no file has a place in the trash. None can be renamed, and the removal of a copy has no
    answer, also in the first recovery.
    """
    world.purge()
    world.undo()
    with monkeypatch.context() as patch:

        def failing(*_: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patch.setattr(LocalStorage, "rename_noreplace", failing)
        rights.unanswered = {b"inbox/Images/a.jpg"}
        with pytest.raises(StorageFailure):
            world.redo()
        world.recover()
    rights.unanswered = set()


@pytest.mark.parametrize("made", ["into a store"], indirect=True)
def test_a_file_stays_whose_copy_may_be_removed_late(
    made: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, rights = _organized(made), Rights(monkeypatch)
    _not_withdrawn(world, rights, monkeypatch)
    world.recover()
    rights.come()
    world.check_contents()
    world.check_recovered()
    world.check_undone()


@pytest.mark.parametrize("made", ["into a store"], indirect=True)
def test_the_object_of_another_stays_that_has_the_content_of_a_copy_that_was_removed_late(
    made: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, rights = _organized(made), Rights(monkeypatch)
    _not_withdrawn(world, rights, monkeypatch)
    rights.come()
    [bucket] = world.buckets
    bucket.write({"Images/a.jpg": "one"}, metadata={"of": "another user"})
    there = bucket.snapshot()["Images/a.jpg"]
    world.recover()
    world.check_closed()
    assert (world.tree.read()["a.jpg"], bucket.snapshot()["Images/a.jpg"]) == ("one", there)


@pytest.mark.parametrize("made", ["to another service"], indirect=True)
def test_an_object_stays_whose_copy_may_be_removed_late(
    made: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store does not tell the tags of the copy, and its removal has no answer."""
    world, rights = made(), Rights(monkeypatch)
    [source, _], copy, tags = world.buckets, b"inbox/Images/a.jpg", MemoryClient.tags
    source.client.put(source.key("a.jpg"), b"one", if_absent=False, tags={"of": "a user"})
    with monkeypatch.context() as patch:

        def failing(client: MemoryClient, key: bytes) -> Mapping[str, str]:
            if key == copy:
                raise StoreError(StoreCode.TIMED_OUT)
            return tags(client, key)

        patch.setattr(MemoryClient, "tags", failing)
        rights.unanswered = {copy}
        with pytest.raises(StorageFailure):
            world.organize()
    rights.unanswered = set()
    world.recover()
    rights.come()
    world.check_contents()
    world.check_recovered()


@pytest.mark.parametrize("made", ["into a store"], indirect=True)
@pytest.mark.parametrize("fault", [Fault.KILL_AFTER, pytest.param(Fault.KILL_BEFORE, marks=pytest.mark.slow)])
def test_undo_of_deleted_objects(made: Callable[[], World], fault: Fault) -> None:
    """The files come from the trash."""
    for world in _points(fault, lambda: _deleted(made), World.undo):
        world.check_recovered()
        world.check_undone()


@pytest.mark.slow
@pytest.mark.parametrize("fault", KILLS)
def test_redo(made: Callable[[], World], fault: Fault) -> None:
    for world in _points(fault, lambda: _undone(made), World.redo):
        world.check_recovered()
        world.check_undone()


@pytest.mark.parametrize("made", ["into a store"], indirect=True)
def test_purge(made: Callable[[], World]) -> None:
    """What has left the trash comes from the store, the rest from the trash."""
    for world in _points(Fault.KILL_AFTER, lambda: _organized(made), World.purge):
        world.check_recovered()
        world.check_undone()


@pytest.mark.slow
@pytest.mark.parametrize("undoes", [False, True])
def test_each_recovery_is_killed_at_each_request(made: Callable[[], World], undoes: bool) -> None:
    """The run ends at each request, and then its recovery at each of its own."""
    _kill_recoveries(made, _organized if undoes else None, World.undo if undoes else World.organize)


@pytest.mark.slow
@pytest.mark.parametrize("made", ["into a store"], indirect=True)
def test_each_recovery_of_an_undo_of_deleted_objects_is_killed(made: Callable[[], World]) -> None:
    _kill_recoveries(made, _deleted, World.undo)


def _kill_recoveries(
    made: Callable[[], World], begun: Callable[[Callable[[], World]], World] | None, do: Callable[[World], object]
) -> None:
    points = 0
    for first in range(_MAX_REQUESTS):
        for second in range(_MAX_REQUESTS):
            world = made() if begun is None else begun(made)
            if not world.ended_by(Fault.KILL_AFTER, first, lambda world=world: do(world)):  # type: ignore[misc]
                assert points > 10
                return
            if not world.ended_by(Fault.KILL_AFTER, second, world.recover):
                break
            world.check_recovered()
            world.check_undone()
            points += 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", Fault)
def test_on_a_real_server(on_server: Callable[[], World], fault: Fault) -> None:
    for world in itertools.chain(
        _points(fault, on_server, World.organize), _points(fault, lambda: _organized(on_server), World.undo)
    ):
        world.check_recovered()
        world.check_undone()


def test_a_real_server_moves_and_gives_back(on_server: Callable[[], World]) -> None:
    test_it_moves_and_comes_back_exactly(on_server)
