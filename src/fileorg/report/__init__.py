"""Reports: what happened, or what is there, for people and for programs. Read from the journal and the index."""

from fileorg.report.collect import Folders, groups_of, lines_of, operation_report
from fileorg.report.content import DuplicateGroup, Line, Report
from fileorg.report.scanned import scan_report

__all__ = ["DuplicateGroup", "Folders", "Line", "Report", "groups_of", "lines_of", "operation_report", "scan_report"]
