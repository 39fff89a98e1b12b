"""What one server serves: its roots, its state directory, its configuration. Nothing outside the roots is touched."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode
from fileorg.core.names import display, is_within, scheme_of
from fileorg.core.tuples import NamedTuple
from fileorg.serve.problems import HttpProblem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.core.state import StateDirectory


class Served(NamedTuple):
    """The facts of one server. `roots` are real paths; `configuration` is the path of `fileorg.toml`."""

    state: StateDirectory
    roots: tuple[bytes, ...]
    configuration: bytes
    operations_per_hour: int
    requests_per_minute: int

    def has(self, path: bytes) -> bool:
        """Return whether a path is in one of the roots, by its name."""
        return any(is_within(path, root) for root in self.roots)

    def have(self, paths: Iterable[bytes]) -> bool:
        """Return whether all paths are in the roots, by their names."""
        return all(map(self.has, paths))

    def folder(self, path: bytes) -> bytes:
        """Return the real path of what a request names. Raises `HttpProblem` outside the roots.

        Another program may put a symlink there a moment later: who uses the path checks again what it opened.
        """
        if not path.startswith(b"/") or scheme_of(path) or 0 in path or b".." in path.split(b"/"):
            raise outside(path)
        real = os.path.realpath(path)
        if not self.has(real):
            raise outside(path)
        return real

    @property
    def options(self) -> list[str | bytes]:
        """Return the options that every command of this server gets."""
        return ["--state-dir", self.state.path]

    @property
    def configured(self) -> list[str | bytes]:
        """Return `options`, and that of the configuration, for commands that read one."""
        return [*self.options, *self.configuration_option]

    @property
    def configuration_option(self) -> list[str | bytes]:
        """Return the option of the configuration, if there is one."""
        return ["--config", self.configuration] if os.path.lexists(self.configuration) else []


def outside(path: bytes) -> HttpProblem:
    """Return the problem of a path that this server does not serve."""
    return HttpProblem(
        HTTPStatus.FORBIDDEN,
        ErrorCode.OUTSIDE,
        f"{display(path) or 'The empty path'} is not in a folder that this server was started for.",
        "name the folder when you start fileorg serve",
    )
