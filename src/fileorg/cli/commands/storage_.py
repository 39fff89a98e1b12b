"""`fileorg storage`: find out what an object store does with the conditions that keep files safe."""

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import options as shared
from fileorg.cli.options import Format
from fileorg.cli.parameters import Argument
from fileorg.core.errors import Exit

if TYPE_CHECKING:
    from fileorg.workflows.store_probing import CheckedStore

EXAMPLES = """
# Whether files are safe in a bucket
fileorg storage check s3://bucket

# The same for a service of [storage.r2] in fileorg.toml, for a program
fileorg storage check r2://bucket/folder --format json
"""

_SUBJECTS = {
    "put-if-absent": "An upload never replaces an object",
    "copy-if-absent": "A copy never replaces an object",
    "copy-if-match": "A copy refuses a source that has changed",
    "delete-if-match": "A deletion spares an object that has changed",
    "batch-delete-if-match": "A deletion of many spares one that has changed",
    "complete-if-absent": "An upload in parts never replaces an object",
    "race": "Of writers at the same time, one succeeds",
    "metadata": "A copy keeps metadata and headers",
    "checksums": "The store knows checksums",
    "versions": "The bucket keeps versions",
}
_USES = {
    "move": "Moves and undo in this store",
    "upload": "Uploads to this store",
    "large": "Moves of objects above 5 GB",
}


class StorageStep(StrEnum):
    """What to do with a store."""

    CHECK = "check"


StepArgument = Annotated[
    StorageStep,
    Argument(metavar="STEP", help="check: try what the store does with conditions.", show_default=False),
]
Url = Annotated[str, Argument(metavar="URL", help="The bucket, or a folder in it.", show_default=False)]


def storage_(
    step: StepArgument, url: Url, format_: shared.TextOrJson = Format.TEXT, quiet: shared.Quiet = False
) -> int:
    """Find out whether fileorg can work safely in an object store.

    fileorg moves an object by a copy and a deletion. Both carry conditions: the target must not exist, and the source
    must be the object that was listed. Some services ignore such conditions and report success. storage check writes
    a few small objects below the URL, sends requests that the store has to refuse, looks at what it did, and removes
    the objects. In a bucket with versions, their old versions remain.

    The exit code is 3 if something is not safe there.
    """
    del step  # there is only one
    from fileorg.cli.terminal import standard_output
    from fileorg.core.formats import write_json
    from fileorg.workflows.store_probing import check_store

    checked = check_store(os.fsencode(url))
    out = standard_output()
    if format_ is Format.JSON:
        write_json(out.stream, _facts(checked))
    elif not quiet:
        _show(checked)
    return Exit.NO if any(use.unmet for use in checked.uses) else Exit.DONE


def _facts(checked: "CheckedStore") -> dict[str, Any]:
    return {
        "url": os.fsdecode(checked.url),
        "endpoint": checked.service,
        "probes": [
            {
                "name": str(each.subject),
                "result": each.verdict.value,
                "cause": None if each.error is None else each.error.strerror,
            }
            for each in checked.results
        ],
        "uses": [{"name": use.use.value, "safe": not use.unmet, "unmet": use.unmet} for use in checked.uses],
        "tested": not checked.is_r2,
    }


def _show(checked: "CheckedStore") -> None:
    from fileorg.cli.render import Column, table
    from fileorg.cli.terminal import standard_output
    from fileorg.core.names import display

    out = standard_output()
    answers = {"kept": "yes", "ignored": "NO: it claims to, and does not", "missing": "no", "failed": "not known"}
    rows = []
    for each in checked.results:
        answer = answers[each.verdict.value]
        if each.error is not None:
            answer += f": {each.error.strerror}"
        rows.append([_SUBJECTS[each.subject], answer])
    table(out, [Column(display(checked.url), shrinks=True, wraps=True), Column("")], rows)
    out.line()
    for use in checked.uses:
        lacking = ", ".join(use.unmet)
        out.prose(f"{_USES[use.use.value]} are {f'NOT safe: it lacks {lacking}' if lacking else 'safe'}.")
    if checked.is_r2:
        out.prose("R2 has not been tested with fileorg: see docs/storage.md.")
