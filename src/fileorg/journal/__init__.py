"""The journal: the truth about what fileorg did. Written before it acts; read by undo, history and report."""

from fileorg.journal.journal import Batch, Intent, Journal, Settled
from fileorg.journal.reader import PROBLEM_STATES, JournalReader
from fileorg.journal.rows import Done, Operation, Record, RecordId, Root, checked

__all__ = [
    "PROBLEM_STATES",
    "Batch",
    "Done",
    "Intent",
    "Journal",
    "JournalReader",
    "Operation",
    "Record",
    "RecordId",
    "Root",
    "Settled",
    "checked",
]
