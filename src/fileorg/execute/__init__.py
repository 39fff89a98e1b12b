"""The only writer of user files: carries out plans, and settles what a crash left open."""

from fileorg.execute.follow import Follow
from fileorg.execute.look import Changed
from fileorg.execute.purge import purge, settle_purge
from fileorg.execute.recover import Unsettled, is_recognised, recover
from fileorg.execute.run import BATCH_ROWS, COPIED_ROWS, execute
from fileorg.execute.trash import look_at_trash

__all__ = [
    "BATCH_ROWS",
    "COPIED_ROWS",
    "Changed",
    "Follow",
    "Unsettled",
    "execute",
    "is_recognised",
    "look_at_trash",
    "purge",
    "recover",
    "settle_purge",
]
