"""Long lists go through the user's pager, as in git: a list that fits on the screen is printed as usual."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, cast

from fileorg.cli.terminal import Out

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PAGER = "less"
_LESS = "FRX"  # quit if one screen, keep colours, leave the text on the screen
_KEPT_LINES = 3
"""Lines of the screen for what follows the list."""


class _Paged(Out):
    """A terminal whose first `many` lines start the pager if they do not fit on the screen."""

    def __init__(self, out: Out, height: int) -> None:
        super().__init__(out.stream, is_terminal=True)
        self._height = height

    def many(self, texts: Iterable[str]) -> None:
        texts = iter(texts)
        first = list(islice(texts, self._height))
        if len(first) < self._height or not self._page(chain(first, texts)):
            super().many(chain(first, texts))

    def _page(self, texts: Iterable[str]) -> bool:
        """Show the lines in the pager; return whether it could be started."""
        command = os.environ.get("FILEORG_PAGER") or os.environ.get("PAGER") or _PAGER
        if command == "cat" or shutil.which(command.split()[0]) is None:
            return False
        self.flush()
        try:
            pager = subprocess.Popen(  # noqa: S602  a command line of the user, as in git
                command,
                shell=True,
                stdin=subprocess.PIPE,
                env={"LESS": _LESS, **os.environ},
            )
        except OSError:
            return False
        stream = io.TextIOWrapper(cast("IO[bytes]", pager.stdin), self.stream.encoding, self.stream.errors)
        with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):  # the user has read enough
            Out(stream, is_terminal=False).many(texts)
        with contextlib.suppress(BrokenPipeError):
            stream.close()
        _wait(pager)
        return True


def _wait(pager: subprocess.Popen[bytes]) -> None:
    """Wait for the pager. Ctrl-C belongs to the pager while it is open."""
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            pager.wait()
            return


@contextlib.contextmanager
def paged(out: Out) -> Iterator[Out]:
    """Yield `out`, or a view of it that sends a long list through `$PAGER`."""
    if not out.moves:
        yield out
        return
    yield _Paged(out, max(1, (out.height or 0) - _KEPT_LINES))
