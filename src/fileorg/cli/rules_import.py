"""`fileorg rules import FILE`: rules of organize as a `fileorg.toml`, and a list of what could not be said."""

import os

from fileorg.core.errors import ErrorCode, Exit, UsageError


def import_rules(file: str | None, output_path: str | None, *, force: bool) -> Exit:
    """Write the rules of a file of organize, and on standard error what they do not say. Raises `UsageError`."""
    from fileorg.cli.terminal import output, standard_error
    from fileorg.core.names import display
    from fileorg.rules.organize_import import imported

    if file is None:
        raise UsageError(
            "import requires a file.",
            hint="for example: fileorg rules import ~/.config/organize/config.yaml -o fileorg.toml",
            code=ErrorCode.MISSING_ARGUMENT,
        )
    try:
        with open(file, "rb") as source:
            content = source.read()
    except OSError as error:
        raise UsageError(
            f"{display(file)} cannot be read: {error.strerror}.",
            hint="give a configuration of organize",
            code=ErrorCode.NO_SUCH_PATH,
            path=os.fsencode(file),
        ) from error
    found = imported(content)
    with output(output_path, force=force) as out:
        out.stream.write(found.text)
        out.flush()
    for sentence in found.missing:
        standard_error().prose(sentence, "fileorg: ")
    return Exit.SOME_FAILED if found.missing else Exit.DONE
