"""`fileorg categorize`: print the category of each file and the evidence."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from fileorg.cli import complete, values
from fileorg.cli import options as shared
from fileorg.cli.options import OUTPUT, ListFormat, ProgressMode
from fileorg.cli.parameters import Argument, Option
from fileorg.core.errors import ErrorCode, UsageError

if TYPE_CHECKING:
    from fileorg.cli.terminal import Out
    from fileorg.workflows.scan import Categorized

EXAMPLES = """
# Show the category of each file
fileorg categorize ~/Downloads

# Pass the images to another program; -0 is safe for any name
fileorg categorize ~/Downloads --category Images -0 | xargs -0 ls -l

# For a spreadsheet
fileorg categorize ~/Downloads --format csv -o files.csv
"""

Paths = Annotated[
    list[str],
    Argument(metavar="PATH", help="Files, and folders with everything below them.", complete=complete.A_FILE),
]
Null = Annotated[
    bool,
    Option("-0", "--null", help="Print only the paths, unchanged, each terminated by NUL.", rich_help_panel=OUTPUT),
]


def categorize(
    paths: Paths,
    category: shared.Category = None,
    max_depth: shared.MaxDepth = None,
    include: shared.Include = None,
    exclude: shared.Exclude = None,
    hidden: shared.Hidden = False,
    by_content: shared.ByContent = False,
    by_name: shared.ByName = False,
    one_file_system: shared.OneFileSystem = False,
    min_size: shared.MinSize = None,
    max_size: shared.MaxSize = None,
    newer_than: shared.NewerThan = None,
    older_than: shared.OlderThan = None,
    format_: shared.TextJsonCsv = ListFormat.TEXT,
    output: shared.Output = None,
    force: shared.Force = False,
    null: Null = False,
    quiet: shared.Quiet = False,
    progress: shared.Progress = ProgressMode.AUTO,
    config: shared.Config = None,
) -> int:
    """Show the category of each file and why.

    One line per file, in path order: its category, the evidence for it, and its path. Nothing is changed or stored.
    With --category, only files of these categories. A file given as PATH is shown whatever the other options say.
    """
    from fileorg.cli.plan_view import show_unreadable
    from fileorg.cli.progress import reporting
    from fileorg.cli.terminal import output as to_output
    from fileorg.rules.classify import Rules
    from fileorg.scan.walk import Seen
    from fileorg.workflows.scan import categorize as categorized

    if null and format_ is not ListFormat.TEXT:
        raise UsageError("-0 and --format cannot be combined.", hint="drop one of them")
    look_into = shared.look_into(by_content=by_content, by_name=by_name)
    configuration = values.configuration(config)
    categories = Rules.of(configuration).categories
    wanted = _categories(category, categories)
    chosen = shared.filters(
        max_depth=max_depth,
        include=include,
        exclude=exclude,
        hidden=hidden,
        one_file_system=one_file_system,
        min_size=min_size,
        max_size=max_size,
        newer_than=newer_than,
        older_than=older_than,
    )
    seen = Seen()
    with to_output(output, force=force) as out, reporting(progress, quiet=quiet or out.is_terminal) as screen:
        screen.stage("scan")
        files: Iterable[Categorized] = categorized(
            [os.fsencode(path) for path in paths], chosen, seen, screen, configuration, look_into
        )
        if wanted:
            files = (file for file in files if file.evidence.category in wanted)
        _write(out, files, format_, max(map(len, categories)), null=null)
        screen.pause()
        out.flush()
        return show_unreadable(screen, seen)


def _categories(asked: Sequence[str] | None, known_names: Sequence[str]) -> frozenset[str]:
    """Return the categories by their names: `disk-images` is `Disk images`. Raises `UsageError`."""
    from fileorg.core.names import display

    known = {complete.category_word(name).lower(): name for name in known_names}
    found = set()
    for text in asked or ():
        name = known.get(complete.category_word(text.strip()).lower())
        if name is None:
            raise UsageError(
                f"Unknown category: {display(text)}.",
                hint=f"the categories are: {', '.join(known_names)}",
                code=ErrorCode.BAD_VALUE,
            )
        found.add(name)
    return frozenset(found)


def _write(out: "Out", files: "Iterable[Categorized]", format_: ListFormat, width: int, *, null: bool) -> None:
    """Write the files one by one: a million files take little more memory than ten."""
    from fileorg.core.formats import JsonDocument, named, write_csv, write_null

    if null:
        write_null(out.stream, (file.path for file in files))
        return
    match format_:
        case ListFormat.TEXT:
            out.many(_lines(files, width))
        case ListFormat.JSON:
            document = JsonDocument(out.stream)
            document.rows(
                "files",
                (
                    {
                        **named("path", path),
                        "category": evidence.category,
                        "evidence": evidence.rule,
                        "size_bytes": size,
                    }
                    for path, size, evidence in files
                ),
            )
            document.end()
        case ListFormat.CSV:
            rows = ((path, evidence.category, evidence.rule, size) for path, size, evidence in files)
            write_csv(out.stream, ("path", "category", "evidence", "size_bytes"), rows)


def _lines(files: "Iterable[Categorized]", width: int) -> Iterator[str]:
    from fileorg.core.names import display

    for path, _, evidence in files:
        yield f"{evidence.category:{width}}  {evidence.rule:20}  {display(path)}"
