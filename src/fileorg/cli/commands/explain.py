"""`fileorg explain`: print the result that organize would have for a file, and the reason."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import complete, values
from fileorg.cli import options as shared
from fileorg.cli.commands.organize import ByOption, Dest, TemplateOption
from fileorg.cli.options import FILES, Format
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit, UsageError
from fileorg.core.model import By

if TYPE_CHECKING:
    from fileorg.workflows.explain import Explained, RuleOfFile

EXAMPLES = """
# Why was this file skipped?
fileorg explain ~/Downloads/report.pdf

# Where would all of these be moved?
fileorg explain ~/Downloads/*

# What would be done with an object?
fileorg explain s3://bucket/inbox/report.pdf

# For another program
fileorg explain ~/Downloads/film.mkv --format json
"""

Paths = Annotated[
    list[str], Argument(metavar="PATH", help="Files, or URLs of objects in a store.", complete=complete.A_FILE)
]
RootOption = Annotated[
    str | None,
    Option(
        "--root",
        metavar="DIR",
        help="The folder to organize. Default: the folder of the file.",
        rich_help_panel=FILES,
    ),
]


def explain(
    paths: Paths,
    root: RootOption = None,
    dest: Dest = None,
    by: ByOption = None,
    template: TemplateOption = None,
    include: shared.Include = None,
    exclude: shared.Exclude = None,
    hidden: shared.Hidden = False,
    by_content: shared.ByContent = False,
    by_name: shared.ByName = False,
    timezone: shared.Timezone = None,
    exiftool: shared.Exiftool = False,
    format_: shared.TextOrJson = Format.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    config: shared.Config = None,
    state_dir: shared.StateDir = None,
) -> int:
    """Show what organize would do with a file, and why.

    Shows where the file would be moved, or why it would be skipped: its name, a file beside it, a folder above it, a
    pattern, or a program that has it open. Also shows its group, and the evidence for its category. Nothing is changed.
    """
    from fileorg.cli.progress import write_error
    from fileorg.cli.terminal import output as to_output
    from fileorg.cli.terminal import standard_error
    from fileorg.core.formats import JsonDocument
    from fileorg.workflows.explain import explain as explained
    from fileorg.workflows.organize import OrganizeOptions

    if by is not None and template is not None:
        raise UsageError("--by and --template cannot be combined.", hint="drop one of them")
    filters = shared.filters(
        recursive=False,
        max_depth=None,
        include=include,
        exclude=exclude,
        hidden=hidden,
        one_file_system=False,
        min_size=None,
        max_size=None,
        newer_than=None,
        older_than=None,
    )
    configured = values.configuration(config)
    options = OrganizeOptions(
        root=b"",
        dest=None if dest is None else os.fsencode(dest),
        by=by or By.CATEGORY,
        template=template,
        filters=filters,
        configuration=configured,
        look_into=shared.look_into(by_content=by_content, by_name=by_name),
        timezone=shared.timezone_of_run(timezone, by, template, configured),
        exiftool=shared.exiftool_of_run(by, template, configured, is_given=exiftool),
    )
    base, state = None if root is None else os.fsencode(root), shared.state_to_read(state_dir)
    unknown = list[UsageError]()

    def all_files() -> "Iterator[Explained]":
        for path in paths:
            try:
                yield explained(os.fsencode(path), base, options, state)
            except UsageError as error:  # the other files are still explained
                unknown.append(error)

    with to_output(output, force=force) as out:
        if format_ is Format.JSON:
            document = JsonDocument(out.stream)
            document.rows("files", map(_facts, all_files()))
            document.end()
        else:
            for each in all_files():
                out.many(_lines(each))
        out.flush()
    for error in unknown[:-1]:
        if format_ is Format.JSON:
            write_error(standard_error(), error, str(error))
        else:
            standard_error().prose(str(error), "fileorg: ")
    if unknown:
        raise unknown[-1]
    return Exit.DONE


def _lines(found: "Explained") -> Iterator[str]:
    from fileorg.core.names import display

    yield display(found.path)
    where = f"moves to {display(found.new_path)}" if found.new_path else f"skipped: {_sentence(found)}"
    yield f"  {where}"
    if found.moved_by is not None:
        yield f"  operation {found.moved_by} moved it before: fileorg watch leaves it alone until it changes"
    if found.rule is not None:
        yield f"  rule: {_named(found.rule)}"
    yield f"  category: {found.evidence.category} ({found.evidence.rule})"
    if found.dated_by is not None:
        from fileorg.cli.plan_view import dated_by

        yield f"  date: {dated_by(found.dated_by)}"
    for rule in found.rules_before:
        yield f"  not by {_named(rule)}, because of {display(rule.failed)}"
    if found.group:
        yield f"  group: {', '.join(display(os.path.basename(path)) for path in found.group)}"
    if found.open_by is not None:
        pid, program = found.open_by
        process = f" (process {pid})" if pid else ""
        yield f"  open for writing in {display(program) if program else 'a program'}{process}"


def _named(rule: "RuleOfFile") -> str:
    from fileorg.core.names import display

    return f"{display(rule.name)} (line {rule.line})" if rule.line else display(rule.name)


def _rule_facts(rule: "RuleOfFile") -> dict[str, Any]:
    return {"name": rule.name, "line": rule.line, "action": rule.action, "failed": rule.failed or None}


def _sentence(found: "Explained") -> str:
    """Return the reason why the file stays, in words."""
    from fileorg.core.names import display
    from fileorg.core.reasons import Reason
    from fileorg.report.sentences import sentence

    reason = found.reason
    if isinstance(reason, Reason):
        return sentence(reason)
    if found.refusal is not None:
        return found.refusal
    said_by = f" (see {display(found.marker)})" if found.marker else ""
    return f"{reason}{said_by}"


def _facts(found: "Explained") -> dict[str, Any]:
    from fileorg.cli.plan_view import how_dated
    from fileorg.core.formats import named
    from fileorg.core.reasons import Reason, reason_code

    reason, code = found.reason, None
    if reason is not None:
        code = reason.code if isinstance(reason, Reason) else reason_code(reason)
    return {
        **named("path", found.path),
        "status": str(found.status),
        "reason": None if reason is None else _sentence(found),
        "reason_code": code,
        **({"marker": None} if found.marker is None else named("marker", found.marker)),
        "group": [named("path", path) for path in found.group],
        "open_by": None if found.open_by is None else found.open_by._asdict(),
        "category": found.evidence.category,
        "evidence": found.evidence.rule,
        **({} if found.dated_by is None else {"dated_by": how_dated(found.dated_by)}),
        **({} if found.rule is None else {"rule": _rule_facts(found.rule)}),
        **({"rules_before": list(map(_rule_facts, found.rules_before))} if found.rules_before else {}),
        **({} if found.moved_by is None else {"moved_by": found.moved_by}),
        **({"new_path": None} if found.new_path is None else named("new_path", found.new_path)),
    }
