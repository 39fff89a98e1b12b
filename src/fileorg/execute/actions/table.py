"""The table of actions. Each action has a module that contains both its changes and their recovery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import Action
from fileorg.execute.actions import copy, folder_actions, link_actions, move, quarantine, reflink, replace, rewrite
from fileorg.storage.base import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Base
    from fileorg.execute.actions.handler import Handler
    from fileorg.storage.local.storage import LocalStorage

_LOCAL = {
    Action.MOVE: move.MOVE,
    Action.RESTORE: move.MOVE,
    Action.COPY: copy.COPY,
    Action.HARDLINK: link_actions.HARDLINK,
    Action.SYMLINK: link_actions.SYMLINK,
    Action.REMOVE_COPY: link_actions.REMOVE_COPY,
    Action.REMOVE_HARDLINK: link_actions.REMOVE_HARDLINK,
    Action.REMOVE_SYMLINK: link_actions.REMOVE_SYMLINK,
    Action.QUARANTINE: quarantine.QUARANTINE,
    Action.REPLACE_BY_HARDLINK: replace.REPLACE_BY_LINK,
    Action.REPLACE_BY_SYMLINK: replace.REPLACE_BY_LINK,
    Action.RESTORE_FROM_HARDLINK: replace.RESTORE_FROM_LINK,
    Action.RESTORE_FROM_SYMLINK: replace.RESTORE_FROM_LINK,
    Action.REFLINK: reflink.REFLINK,
    Action.REMOVE_REFLINK: reflink.REMOVE_REFLINK,
    Action.REWRITE_SYMLINK: rewrite.REWRITE_SYMLINK,
    Action.RESTORE_SYMLINK: rewrite.RESTORE_SYMLINK,
    Action.MAKE_FOLDER: folder_actions.MAKE_FOLDER,
    Action.REMOVE_FOLDER: folder_actions.REMOVE_FOLDER,
}

TABLE: dict[tuple[Action, Kind, Kind], Handler] = {
    (action, Kind.LOCAL, Kind.LOCAL): handler for action, handler in _LOCAL.items()
}
"""Handlers by action and by the kinds of the source and target storages. A store that takes part adds its own."""


def handler_of(action: Action, source: Base, target: Base, storages: Sequence[LocalStorage]) -> Handler:
    """Return the handler of an action between two bases."""
    key = action, storages[source].kind, storages[target].kind
    try:
        return TABLE[key]
    except KeyError:
        from fileorg.execute.actions import copy_object, marker_object, move_object, quarantine_object, transfer

        for each in (move_object, copy_object, quarantine_object, transfer, marker_object):
            TABLE.update(each.TABLE)
        return TABLE[key]
