"""Measurements as rows, and rows as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

TIMES = "\N{MULTIPLICATION SIGN}"


class Unit(Enum):
    """The unit of a measured number."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MEGABYTES = "MB"
    FILES_PER_SECOND = "files/s"
    FILES = "files"


class Sense(Enum):
    """The required relation of a number to its target."""

    AT_MOST = "≤"
    BELOW = "<"
    AT_LEAST = "≥"
    EQUAL = "="


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on the ratio to the peer or, without a peer, on the measured number."""

    sense: Sense
    value: float

    def is_met(self, number: float) -> bool:
        match self.sense:
            case Sense.AT_MOST:
                return number <= self.value
            case Sense.BELOW:
                return number < self.value
            case Sense.AT_LEAST:
                return number >= self.value
            case Sense.EQUAL:
                return number == self.value


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `peer` has the unit of `measured`; both are medians of `runs` runs."""

    what: str
    measured: float
    unit: Unit
    runs: int = 1
    peer: float | None = None
    peer_name: str = ""
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        return None if not self.peer else self.measured / self.peer

    @property
    def is_met(self) -> bool | None:
        """True if the target is met, None without a target."""
        if self.target is None:
            return None
        ratio = self.ratio
        return self.target.is_met(self.measured if ratio is None else ratio)


_HEADINGS = ("what", "fileorg", "peer", "ratio", "target", "", "runs")


def table(rows: Sequence[Row]) -> str:
    lines = [_line(_HEADINGS), _line(("---", "--:", "--:", "--:", "--:", "---", "--:"))]
    lines += [_line(_cells(row)) for row in rows]
    return "\n".join(lines)


def page(
    *, facts: Mapping[str, str], command: str, rows: Sequence[Row], notes: Sequence[str], title: str = "Results"
) -> str:
    """Return the whole of RESULTS.md, or the first part of another results page."""
    parts = [
        f"# {title}",
        "Each ratio compares two medians from one run on one machine. README.md describes the measurement.",
        f"`{command}`",
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
        table(rows) if rows else "",
        "\n".join(f"- {note}" for note in notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(row: Row) -> tuple[str, ...]:
    ratio = row.ratio
    return (
        row.what,
        _number(row.measured, row.unit),
        "" if row.peer is None else f"{row.peer_name} {_number(row.peer, row.unit)}".strip(),
        "" if ratio is None else f"{ratio:.2f} {TIMES}",
        "" if row.target is None else _target(row, row.target),
        {None: "", True: "met", False: "**missed**"}[row.is_met],
        str(row.runs),
    )


def _target(row: Row, target: Target) -> str:
    if row.ratio is not None:
        return f"{target.sense.value} {target.value:g} {TIMES}"
    return f"{target.sense.value} {_number(target.value, row.unit)}"


def _number(value: float, unit: Unit) -> str:
    match unit:
        case Unit.SECONDS:
            return f"{value:.2f} s"
        case Unit.MILLISECONDS | Unit.MEGABYTES:
            return f"{value:.0f} {unit.value}"
        case Unit.FILES:
            return f"{value:,.0f}"
        case Unit.FILES_PER_SECOND:
            return f"{value:,.0f} /s"
