"""What rules ask about the files of one root beside names, sizes and times: owners, attributes, folders there."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fileorg.core.confinement import check_opened_folder, check_path
from fileorg.rules.facts import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.rules.facts import ContentLookups
    from fileorg.scan.classifier import Classifier
    from fileorg.storage.local.storage import LocalStorage

_ORIGIN_ATTRIBUTES = (b"user.xdg.origin.url", b"user.xdg.referrer.url")
_TAG_ATTRIBUTE = b"user.xdg.tags"


class FileLookups:
    """What rules ask of a file beside its name and times, in the tree of one root."""

    def __init__(
        self,
        source: LocalStorage,
        classifier: Classifier,
        folders: Callable[[bytes], Sequence[str]],
        contents: ContentLookups | None,
    ) -> None:
        """`contents` is needed if some rule asks for what is in files."""
        self._source = source
        self._folders = folders
        self._contents = contents
        self.category_of = classifier.category_of
        self.extension_of = classifier.extension_of

    @property
    def contents(self) -> ContentLookups:
        if self._contents is None:
            raise AssertionError("no rule asks for what is in files")
        return self._contents

    def origins(self, folder: bytes, name: bytes) -> Sequence[str]:
        return [value for value in self._attributes(folder, name, _ORIGIN_ATTRIBUTES) if value]

    def tags(self, folder: bytes, name: bytes) -> Sequence[str]:
        values = self._attributes(folder, name, (_TAG_ATTRIBUTE,))
        return [tag.strip() for value in values for tag in value.split(",") if tag.strip()]

    def owner(self, folder: bytes, name: bytes) -> int | None:
        try:
            return os.stat(name, dir_fd=self._source.fd(folder), follow_symlinks=False).st_uid
        except OSError:
            return None

    def folders_in(self, path: bytes) -> Sequence[str]:
        return self._folders(path)

    def _attributes(self, folder: bytes, name: bytes, keys: Sequence[bytes]) -> Iterator[str]:
        try:
            with self._source.open_read(folder, name) as file:
                for key in keys:
                    with contextlib.suppress(OSError):
                        yield os.getxattr(file.fileno(), key).decode("utf-8", "replace")
        except OSError:
            return


def folders_of(root: bytes) -> Callable[[bytes], Sequence[str]]:
    """Return a function that returns the names of the folders in a folder, as they were at its first call. It raises
    `Outside` for a folder that may not be used.
    """
    known: dict[bytes, list[str]] = {}

    def folders(path: bytes) -> Sequence[str]:
        if path not in known:
            found = []
            folder = os.path.join(root, path)
            check_path(os.path.realpath(folder), folder)  # a rule must not tell what is elsewhere
            with contextlib.suppress(OSError), _opened(folder) as fd, os.scandir(fd) as entries:
                found = sorted(
                    entry.name
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                )
            known[path] = found
        return known[path]

    return folders


def folders_in_store(store: LocalStorage, path: bytes) -> Sequence[str]:
    """Return the names of the folders in a folder of a store. Raises `StoreError`."""
    found = (entry.name for listing in store.list_folder(path) for entry in listing.folders)
    return sorted(decoded(name) for name in found if not name.startswith(b"."))


@contextlib.contextmanager
def _opened(folder: bytes) -> Iterator[int]:
    """Open a folder that may be used. Raises `Outside`, `OSError`."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        check_opened_folder(fd, folder)
        yield fd
    finally:
        os.close(fd)
