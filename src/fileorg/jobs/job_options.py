"""The options of a job, read back from the journal: rows that fileorg did not write are refused."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, TypeAlias

from fileorg.content.keeper import Keep
from fileorg.core.errors import JournalError
from fileorg.core.model import Action, By, LaterFiles, LookInto, OnConflict
from fileorg.plan.dedupe_plan import DedupeAction
from fileorg.rules.config_file import parse_configuration
from fileorg.rules.filters import Filters
from fileorg.scan.leftovers import Leftover
from fileorg.workflows.apply_plan import ApplyOptions
from fileorg.workflows.clean import CleanOptions
from fileorg.workflows.compare import CompareOptions
from fileorg.workflows.dedupe import DedupeOptions
from fileorg.workflows.import_files import ImportOptions
from fileorg.workflows.organize import OrganizeOptions
from fileorg.workflows.purge import PurgeOptions
from fileorg.workflows.undo import UndoOptions
from fileorg.workflows.undo_part import UndoPart

if TYPE_CHECKING:
    from fileorg.jobs.watch_loop import WatchOptions
    from fileorg.journal.job_rows import JobRow

Options: TypeAlias = (
    "OrganizeOptions | DedupeOptions | CleanOptions | CompareOptions | ImportOptions | ApplyOptions | UndoOptions"
    " | PurgeOptions"
)


def options_of(job: JobRow) -> Options:
    """Return the options of a job that changes files. Raises `JournalError`."""
    try:
        return _options(job.kind, json.loads(job.options))
    except _UNKNOWN:
        raise _not_understood(job) from None


def watch_options_of(job: JobRow) -> WatchOptions:
    """Return the options of a watch. Raises `JournalError`."""
    from fileorg.jobs.watch_loop import WatchOptions

    try:
        found = json.loads(job.options)
        found.pop("client", None)
        organize = [_options("organize", each) for each in found["organize"]]
        return WatchOptions(**found | {"organize": organize})
    except _UNKNOWN:
        raise _not_understood(job) from None


_UNKNOWN = (ValueError, TypeError, KeyError, AttributeError)


def _not_understood(job: JobRow) -> JournalError:
    return JournalError(
        f"Job {job.id} has options that this fileorg does not understand.", hint="run the command again instead"
    )


def _options(kind: str, found: dict[str, Any]) -> Options:
    found.pop("client", None)
    if "filters" in found:
        found["filters"] = Filters(**{**found["filters"], "touched": b"", "before_job_ns": None})
    if configuration := found.get("configuration"):
        path, text = os.fsencode(configuration["path"]), configuration["text"].encode()
        found["configuration"] = parse_configuration(path, text).for_profile(configuration.get("profile", ""))
    match kind:
        case "organize":
            paths = {name: _path(found[name]) for name in ("root", "dest")}
            enums: dict[str, Any] = {
                "by": By(found["by"]),
                "action": Action(found["action"]),
                "on_conflict": OnConflict(found["on_conflict"]),
                "look_into": LookInto(found.get("look_into", LookInto.UNKNOWN)),
            }
            more = [os.fsencode(path) for path in found.get("more_roots", ())]
            return OrganizeOptions(**found | paths | enums | {"more_roots": more})
        case "dedupe":
            lists = {name: [os.fsencode(path) for path in found[name]] for name in ("roots", "references")}
            keep = [Keep(rule) for rule in found["keep"]]
            return DedupeOptions(**found | lists | {"keep": keep, "action": DedupeAction(found["action"])})
        case "compare":
            new = [os.fsencode(path) for path in found["new"]]
            return CompareOptions(
                **found | {"old": os.fsencode(found["old"]), "new": new, "dest": _path(found["dest"])}
            )
        case "import":
            paths = {name: os.fsencode(found[name]) for name in ("card", "dest")}
            enums = {"by": By(found["by"]), "look_into": LookInto(found.get("look_into", LookInto.UNKNOWN))}
            return ImportOptions(**found | paths | enums | {"certificate": _path(found["certificate"])})
        case "apply":
            roots = [os.fsencode(path) for path in found["roots"]]
            rest = {"is_rest": False, "touched": b"", "made": ()}
            return ApplyOptions(**found | {"roots": roots, "plan": os.fsencode(found["plan"])} | rest)
        case "clean":
            goes = frozenset(Leftover(kind) for kind in found["goes"])
            more = [os.fsencode(path) for path in found.get("more_roots", ())]
            root = os.fsencode(found["root"])
            return CleanOptions(**found | {"root": root, "goes": goes, "more_roots": more})
        case "undo" | "redo":
            within = None if found["within"] is None else os.fsencode(found["within"])
            roots = [os.fsencode(path) for path in found["roots"]]
            return UndoOptions(**found | {"roots": roots, "within": within, "part": _part(found.get("part"))})
        case "purge":
            return PurgeOptions(**found | {"operations": tuple(map(int, found["operations"]))})
    raise ValueError


def _path(value: str | None) -> bytes | None:
    return None if value is None else os.fsencode(value)


def _part(found: dict[str, Any] | None) -> UndoPart | None:
    if found is None:
        return None
    paths = {"patterns": [os.fsencode(text) for text in found["patterns"]], "here": os.fsencode(found["here"])}
    later = None if found["later"] is None else LaterFiles(found["later"])
    return UndoPart(**found | paths | {"later": later})
