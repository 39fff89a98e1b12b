"""Output of the certificate of an import for people."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from fileorg.cli.pager import paged
from fileorg.core.names import display

if TYPE_CHECKING:
    from fileorg.cli.terminal import Out
    from fileorg.report.certificate import Certificate

_NAMED = 20
"""The number of missing files that are listed without -v."""


def show(out: Out, certificate: Certificate, *, verbose: bool) -> None:
    """Print the result and the missing files; with -v, a line for each file."""
    missing = certificate.found.sums.missing
    if verbose:
        with paged(out) as page:
            page.many(certificate.lines())
        out.line()
    elif missing:
        out.line(out.styled("Missing:", "red"))
        for path in islice(certificate.missing(), _NAMED):
            out.line(f"  {display(path)}")
        if missing > _NAMED:
            out.line("  … -v lists every file")
    result, *others = certificate.sentences()
    out.prose(out.styled(result, "green" if certificate.is_complete else "red"))
    for sentence in others:
        out.prose(sentence)
