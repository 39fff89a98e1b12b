"""The index: what was seen of each tree. A cache, which may be deleted at any time; the truth is the journal."""

from fileorg.index.claims import TAKEN, Claim, Claims, Decision
from fileorg.index.columns import FileBatch
from fileorg.index.filter import Filter
from fileorg.index.index import Index

__all__ = ["TAKEN", "Claim", "Claims", "Decision", "FileBatch", "Filter", "Index"]
