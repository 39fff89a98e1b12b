"""The Python API: each command as a function that composes the stages. No screen, no printing, no exit.

Reports and listings are in `fileorg.workflows.reports`: what changes files starts without them.
"""

from fileorg.workflows.clean import CleanJob, CleanOptions, cleaning
from fileorg.workflows.common import Filters, recover_all
from fileorg.workflows.dedupe import DedupeJob, DedupeOptions, deduping, last_found
from fileorg.workflows.organize import OrganizeJob, OrganizeOptions, organizing
from fileorg.workflows.purge import InTrash, Purged, PurgeJob, PurgeOptions, TrashFile, purging
from fileorg.workflows.scan import Categorized, ScanReport, categorize, scan_trees
from fileorg.workflows.undo import UndoJob, UndoOptions, undoing

__all__ = [
    "Categorized",
    "CleanJob",
    "CleanOptions",
    "DedupeJob",
    "DedupeOptions",
    "Filters",
    "InTrash",
    "OrganizeJob",
    "OrganizeOptions",
    "PurgeJob",
    "PurgeOptions",
    "Purged",
    "ScanReport",
    "TrashFile",
    "UndoJob",
    "UndoOptions",
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
