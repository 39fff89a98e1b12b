"""The index: what was seen of each tree. A cache, which may be deleted at any time; the truth is the journal."""

from fileorg.index.columns import FileBatch
from fileorg.index.draft import TAKEN, Claim, Decision, Draft, Follower, Places
from fileorg.index.filter import MOST_NAMES, Filter, Suspects
from fileorg.index.index import Index

__all__ = [
    "MOST_NAMES",
    "TAKEN",
    "Claim",
    "Decision",
    "Draft",
    "FileBatch",
    "Filter",
    "Follower",
    "Index",
    "Places",
    "Suspects",
]
