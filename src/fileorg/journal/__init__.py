"""The journal: the truth about what fileorg did. Written before it acts; read by undo, history and report."""

from fileorg.journal.groups import KeptGroup
from fileorg.journal.journal import Batch, Intent, Journal, Settled
from fileorg.journal.listing import Told, Wanted
from fileorg.journal.reader import JournalReader
from fileorg.journal.rows import Done, Operation, Place, Record, RecordId, Root, checked
from fileorg.journal.status import standings
from fileorg.journal.trash import PURGE, Trashed, TrashFolder

__all__ = [
    "PURGE",
    "Batch",
    "Done",
    "Intent",
    "Journal",
    "JournalReader",
    "KeptGroup",
    "Operation",
    "Place",
    "Record",
    "RecordId",
    "Root",
    "Settled",
    "Told",
    "TrashFolder",
    "Trashed",
    "Wanted",
    "checked",
    "standings",
]
