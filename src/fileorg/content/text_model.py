"""What a text is by magika, a model that is an extra: asked only about text that neither its name nor its lines tell.

It settles nine of 44 such files in the set of benchmarks/TYPES.md, takes 17 ms for each, and 150 MB on the disk.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

from fileorg.content.file_formats import FORMATS
from fileorg.content.types import Certainty, FileKind

IS_INSTALLED = find_spec("magika") is not None
_LEAST_SCORE = 0.5
_NO_ANSWERS = frozenset({"txt", "unknown", "empty"})


def with_model(kind: FileKind, head: bytes) -> FileKind:
    """Return the kind of a file; for a text of no known kind, that of the model if it is installed and sure enough."""
    if not IS_INSTALLED or kind.certainty is not Certainty.TEXT:
        return kind
    found = _model().identify_bytes(head)
    if found.score <= _LEAST_SCORE or found.output.label in _NO_ANSWERS:
        return kind
    for extension in map(str.encode, found.output.extensions):
        if extension in FORMATS:
            return FileKind(Certainty.GUESSED_TEXT, extension, FORMATS[extension].mime)
    return kind


@cache
def _model() -> Any:
    """Return the model, which takes a tenth of a second to load, once in each process."""
    from magika import Magika

    return Magika()
