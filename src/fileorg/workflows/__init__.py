"""The Python API: each command as a function that composes the stages. No screen, no printing, no exit.

Reports and listings are in `fileorg.workflows.reports`: what changes files starts without them.
"""

from fileorg.workflows.clean import CleanOptions, CleanRun, cleaning
from fileorg.workflows.common import Filters, recover_all
from fileorg.workflows.dedupe import DedupeOptions, DedupeRun, deduping, last_found
from fileorg.workflows.organize import OrganizeOptions, OrganizeRun, organizing
from fileorg.workflows.purge import InTrash, Purged, PurgeOptions, PurgeRun, TrashFile, purging
from fileorg.workflows.scan import Categorized, ScanReport, categorize, scan_trees
from fileorg.workflows.undo import UndoOptions, UndoRun, undoing

__all__ = [
    "Categorized",
    "CleanOptions",
    "CleanRun",
    "DedupeOptions",
    "DedupeRun",
    "Filters",
    "InTrash",
    "OrganizeOptions",
    "OrganizeRun",
    "PurgeOptions",
    "PurgeRun",
    "Purged",
    "ScanReport",
    "TrashFile",
    "UndoOptions",
    "UndoRun",
    "categorize",
    "cleaning",
    "deduping",
    "last_found",
    "organizing",
    "purging",
    "recover_all",
    "scan_trees",
    "undoing",
]
