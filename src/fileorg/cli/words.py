"""Verbs for the actions in questions and summaries, and the message after the first Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import Action
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

STOPPING = "Stopping after the files in progress. Press Ctrl-C again to stop at once."


class Verb(NamedTuple):
    """The verb of an action. `ask` and `done` start a sentence, `participle` is used within; `noun` is its object."""

    ask: str
    done: str
    participle: str
    noun: str = "file"


VERBS: dict[str, Verb] = {
    Action.MOVE: Verb("Move", "Moved", "moved"),
    Action.COPY: Verb("Copy", "Copied", "copied"),
    Action.HARDLINK: Verb("Hard-link", "Hard-linked", "hard-linked"),
    Action.SYMLINK: Verb("Symlink", "Symlinked", "symlinked"),
    "organize": Verb("Organize", "Organized", "organized"),
    "dedupe-quarantine": Verb("Quarantine", "Quarantined", "moved to the trash"),
    "dedupe-hardlink": Verb("Hard-link", "Hard-linked", "replaced by hard links"),
    "dedupe-symlink": Verb("Symlink", "Symlinked", "replaced by symlinks"),
    "dedupe-reflink": Verb("Reflink", "Reflinked", "reflinked"),
    "clean": Verb("Remove", "Removed", "removed", "item"),
    "apply": Verb("Apply the plan to", "Changed", "changed"),
    "undo": Verb("Undo", "Undone:", "undone"),
    "redo": Verb("Redo", "Redone:", "redone"),
    "purge": Verb("Purge", "Purged", "purged"),
}


def verb_of(actions: Collection[Action]) -> Verb:
    """Return the verb of a plan with these actions: a general one for several."""
    return VERBS[next(iter(actions)) if len(actions) == 1 else "organize" if actions else Action.MOVE]
