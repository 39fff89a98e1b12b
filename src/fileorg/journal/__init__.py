"""The journal: the truth about what fileorg did. Written before it acts; read by undo, history and report."""

from fileorg.journal.journal import PROBLEM_STATES, Batch, Intent, Journal, Settled
from fileorg.journal.rows import Operation, Record, RecordId, checked

__all__ = ["PROBLEM_STATES", "Batch", "Intent", "Journal", "Operation", "Record", "RecordId", "Settled", "checked"]
