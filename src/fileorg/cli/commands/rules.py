"""`fileorg rules`: list the rules of `fileorg.toml`, and check them without files."""

import os
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fileorg.cli import options as shared
from fileorg.cli import values
from fileorg.cli.options import Format
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import Exit, UsageError

if TYPE_CHECKING:
    from fileorg.rules.config import Configuration, Rule
    from fileorg.workflows.rule_check import RuleFinding

EXAMPLES = """
# The rules, in the order in which they decide
fileorg rules

# Rules that never decide, and likely mistakes
fileorg rules check

# Try the examples that stand beside the rules
fileorg rules test

# The rules of organize as a new fileorg.toml
fileorg rules import ~/.config/organize/config.yaml -o fileorg.toml
"""


class RuleStep(StrEnum):
    """What to do with the rules."""

    LIST = "list"
    CHECK = "check"
    TEST = "test"
    IMPORT = "import"


StepArgument = Annotated[
    RuleStep,
    Argument(
        metavar="STEP",
        help="list the rules; check them for mistakes; test the examples beside them (matches and not_matches);"
        " import those of another program.",
        show_default=False,
    ),
]
Source = Annotated[
    str | None,
    Argument(metavar="FILE", help="With import: a configuration of organize (YAML).", show_default=False),
]
RootOption = Annotated[
    str,
    Option("--root", metavar="DIR", help="The folder that relative paths in the rules start from. Default: here."),
]


def rules(
    step: StepArgument = RuleStep.LIST,
    file: Source = None,
    root: RootOption = ".",
    format_: shared.TextOrJson = Format.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    config: shared.Config = None,
) -> int:
    """List the rules of the configuration file, and check them.

    check finds rules that never decide because an earlier rule matches all their files, and likely mistakes. test
    tries the examples: a path in matches must be decided by its rule, and one in not_matches must not. Neither reads
    your files. fileorg explain PATH shows which rule decides on a file.

    import writes the rules of organize in the form of fileorg, as far as they can be said, and lists what could not.
    """
    from fileorg.workflows.rule_check import checked_rules, tried_rules

    if step is RuleStep.IMPORT:
        from fileorg.cli.rules_import import import_rules

        return import_rules(file, output, force=force)
    if file is not None or output is not None or force:
        raise UsageError(f"FILE, -o and --force require import, not {step}.", hint="fileorg rules import FILE")
    configuration = values.configuration(config, with_rules=False)  # all faults are found below, not only the first
    if configuration is None:
        return _no_file(format_)
    base = os.path.realpath(os.fsencode(root))
    if step is RuleStep.LIST:
        return _show(configuration.rules, [], format_)
    if step is RuleStep.CHECK:
        findings = checked_rules(configuration, base)
        ended = f"Checked {_count(configuration)}."
    else:
        examples, findings = tried_rules(configuration, base)
        ended = f"Tried {examples} {'example' if examples == 1 else 'examples'}."
    if format_ is Format.JSON:
        _show(configuration.rules, findings, format_)
    else:
        _say([*_lines(findings), f"{ended} {_sum(findings)}"])
    return Exit.NO if findings else Exit.DONE


def _no_file(format_: Format) -> int:
    """Print that there are no rules, which is no error: `fileorg rules check` may stand before each run."""
    if format_ is Format.JSON:
        return _show((), [], format_)
    _say(["There is no configuration file, so there are no rules."])
    return Exit.DONE


def _count(configuration: "Configuration") -> str:
    from fileorg.core.figures import plural

    return plural(len(configuration.rules), "rule")


def _sum(findings: "Sequence[RuleFinding]") -> str:
    from fileorg.core.figures import plural

    return f"Found {plural(len(findings), 'problem')}." if findings else "Found no problem."


def _lines(findings: "Sequence[RuleFinding]") -> Iterator[str]:
    from fileorg.core.names import display

    for finding in findings:
        yield f"line {finding.line}, {display(finding.rule)}: {finding.message}."
        if finding.hint:
            yield f"  Hint: {finding.hint}"


def _say(lines: Sequence[str]) -> None:
    from fileorg.cli.terminal import standard_output

    out = standard_output()
    out.many(lines)
    out.flush()


def _show(rules: "Sequence[Rule]", findings: "Sequence[RuleFinding]", format_: Format) -> int:
    from fileorg.cli.terminal import standard_output
    from fileorg.core.formats import JsonDocument
    from fileorg.core.names import display

    out = standard_output()
    if format_ is Format.JSON:
        document = JsonDocument(out.stream)
        document.rows("rules", map(_facts, rules))
        document.rows("findings", (finding._asdict() for finding in findings))
        document.end()
    else:
        for number, rule in enumerate(rules, 1):
            off = "" if rule.enabled else ", switched off"
            out.line(f"{number:3}. {display(rule.name)}: {display(_does(rule))} (line {rule.line}{off})")
        if not rules:
            out.line("There are no rules.")
    out.flush()
    return Exit.DONE


def _does(rule: "Rule") -> str:
    if rule.keep:
        return "keeps its files in place"
    if rule.to is None:
        return "moves its files to the trash"
    return f"{rule.action or 'move'} to {rule.to}"


def _facts(rule: "Rule") -> dict[str, Any]:
    return {
        "name": rule.name,
        "line": rule.line,
        "enabled": rule.enabled,
        "to": rule.to,
        "keep": rule.keep,
        "action": rule.action,
        "tags": [*rule.tags],
    }
