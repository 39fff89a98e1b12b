"""The Python API: each command as a function that composes the stages. No screen, no printing, no exit."""

from fileorg.workflows.clean import CleanJob, CleanOptions, cleaning
from fileorg.workflows.common import Filters, recover_all
from fileorg.workflows.dedupe import DedupeJob, DedupeOptions, deduping
from fileorg.workflows.looking import Categorized, ScanReport, categorize, scan_trees
from fileorg.workflows.organize import OrganizeJob, OrganizeOptions, organizing
from fileorg.workflows.undo import UndoJob, UndoOptions, undoing

__all__ = [
    "Categorized",
    "CleanJob",
    "CleanOptions",
    "DedupeJob",
    "DedupeOptions",
    "Filters",
    "OrganizeJob",
    "OrganizeOptions",
    "ScanReport",
    "UndoJob",
    "UndoOptions",
    "categorize",
    "cleaning",
    "deduping",
    "organizing",
    "recover_all",
    "scan_trees",
    "undoing",
]
