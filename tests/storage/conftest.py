"""Fixtures: local trees, other devices, and a user with fewer rights."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

# Modules with assertions that are not test modules.
for _name in ("ways", "contract_reading", "contract_naming", "changing"):
    pytest.register_assert_rewrite(f"tests.storage.{_name}")
pytest.register_assert_rewrite("tests.storage.object.contract")

_NOBODY = 65534


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalStorage]:
    """An empty tree. Files that must not be touched can be put beside its root."""
    root = tmp_path / "root"
    root.mkdir()
    root.chmod(0o755)
    opened = LocalStorage(os.fsencode(root))
    yield opened
    opened.close()


@pytest.fixture
def root(local: LocalStorage) -> Path:
    return Path(os.fsdecode(local.root))


@pytest.fixture
def as_nobody() -> Callable[[], AbstractContextManager[None]]:
    """Runs a block as the user nobody, because no permission stops root."""

    @contextlib.contextmanager
    def fewer_rights() -> Iterator[None]:
        was_root = os.geteuid() == 0
        if was_root:
            os.seteuid(_NOBODY)  # also drops the capabilities, until it is reversed
        try:
            yield
        finally:
            if was_root:
                os.seteuid(0)

    return fewer_rights


@pytest.fixture
def mount_tmpfs() -> Iterator[Callable[[Path], None]]:
    """Mounts a tmpfs for the duration of a test, which must have the marker `root`."""
    mounted: list[Path] = []

    def mount(place: Path) -> None:
        command = ["mount", "-t", "tmpfs", "-o", "size=8m", "fileorg-test", str(place)]
        if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("mounting a tmpfs needs root, with the right to mount")
        mounted.append(place)

    yield mount
    for place in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def elsewhere(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LocalStorage]:
    """An empty tree on another device than `local`."""
    shared = Path("/dev/shm")
    with contextlib.ExitStack() as stack:
        if os.access(shared, os.W_OK) and shared.stat().st_dev != tmp_path.stat().st_dev:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=shared)))
        else:
            place = tmp_path / "elsewhere"
            place.mkdir()
            request.getfixturevalue("mount_tmpfs")(place)
        opened = LocalStorage(os.fsencode(place))
        stack.callback(opened.close)
        yield opened


@pytest.fixture(params=["same device", "other device"])
def target(request: pytest.FixtureRequest, local: LocalStorage) -> LocalStorage:
    """The target of copies."""
    if request.param == "same device":
        return local
    storage: LocalStorage = request.getfixturevalue("elsewhere")
    return storage
