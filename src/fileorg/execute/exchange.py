"""Two files that exchange their names, one of them a link of ours under a name of ours: steps, and the way back.

What is under either name is looked at after each step: other programs may have put their own files there.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from fileorg.content.compare import same_content
from fileorg.core.model import RecordState
from fileorg.execute.temporaries import Stuck, rename_over_reserved
from fileorg.execute.verdict import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.core.model import Entry
    from fileorg.storage.links import Place, StandIn

ONLY_NAME = "the link in its place was edited and is the only name left of what it holds: it was kept"


def may_go(link: StandIn, at: Place, original: Place) -> bool:
    """Whether nothing is lost with our link: a hard link has to leave another name, or a file of the same content."""
    there = at.look()
    return link.is_symlink or there is None or there.nlink > 1 or same_content(*at, *original)


def put_back(now: Place, place: Place) -> None:
    """Give a file the name back that it had a moment ago. Raises `Refusal` where that is taken, `Stuck`."""
    try:
        try:
            now.rename(place)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
            rename_over_reserved(*now, *place)
    except FileExistsError as error:
        raise _between(now) from error
    except OSError as error:
        if error.errno == errno.ENOENT and _is_gone(now):
            raise Refusal(RecordState.MISSING, "someone else removed it at the same moment") from error
        raise _stuck(place, now, error) from error


def exchange_back(here: Place, victim: Place, is_ours: Callable[[], bool]) -> bool:
    """Undo an exchange of what is under our temporary name; whether `is_ours` is what that has then, as before.

    False if that was removed by someone else, whichever name it had. Raises `Refusal`, `Stuck`.
    """
    try:
        if here.look() is None:
            return False
        try:
            here.exchange(victim)
        except FileNotFoundError:
            put_back(here, victim)
            return False
        if is_ours():
            return True
        here.exchange(victim)  # someone else's file has taken the place of ours: it keeps the name
    except OSError as error:
        raise _stuck(victim, here, error) from error
    raise _between(here)


def take_away(link: StandIn, here: Place, victim: Place) -> None:
    """Remove a link of ours that nothing came of. Raises `Refusal` if it must stay, `Stuck`."""
    try:
        if not may_go(link, here, victim):
            why = f"its keeper was changed and removed meanwhile: what is left of that is {here} now"
            raise Refusal(RecordState.CHANGED, why)
        here.remove()
    except OSError as error:
        raise Stuck(f"The link {here} could not be taken away again ({error.strerror}).") from error


def is_inode_of(place: Place, entry: Entry | None) -> bool:
    """Whether the file is there, edited or not."""
    there = place.look()
    return there is not None and entry is not None and there.inode == entry.inode


def _is_gone(place: Place) -> bool:
    try:
        return place.look() is None
    except OSError:
        return False


def _between(now: Place) -> Refusal:
    """Who has the name now may have meant to replace what had it: both are kept."""
    why = f"another file took its name meanwhile: it could not be put back, and is {now} now"
    return Refusal(RecordState.CHANGED, why)


def _stuck(place: Place, now: Place, error: OSError) -> Stuck:
    return Stuck(f"{place} could not be put back under its name ({error.strerror}): it is {now} now.")
