"""The index: what was seen of each tree. A cache, which may be deleted at any time; the truth is the journal."""

from fileorg.index.columns import FileBatch
from fileorg.index.digests import ENDS_WIDTH, WHOLE_WIDTH, Columns, Digested, Digests
from fileorg.index.draft import TAKEN, Claim, Decision, Draft, Follower, Places
from fileorg.index.filter import MOST_NAMES, Filter, Repeated, Suspects
from fileorg.index.groups import Group, Groups, Member, MemberRow, Sums
from fileorg.index.index import Index
from fileorg.index.leftovers import Leftovers, Part
from fileorg.index.listings import Listings
from fileorg.index.twins import Twin, TwinGroup, Twins

__all__ = [
    "ENDS_WIDTH",
    "MOST_NAMES",
    "TAKEN",
    "WHOLE_WIDTH",
    "Claim",
    "Columns",
    "Decision",
    "Digested",
    "Digests",
    "Draft",
    "FileBatch",
    "Filter",
    "Follower",
    "Group",
    "Groups",
    "Index",
    "Leftovers",
    "Listings",
    "Member",
    "MemberRow",
    "Part",
    "Places",
    "Repeated",
    "Sums",
    "Suspects",
    "Twin",
    "TwinGroup",
    "Twins",
]
