"""Regular expressions by RE2, which takes time in proportion to the text, whatever the pattern.

A pattern is searched in the name as text: composed (NFC), with U+FFFD for bytes that are not UTF-8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fileorg.core.names import display

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LONGEST = 2000
_MEMORY_BYTES = 64 << 20
_SMALL_PROGRAM = 5_000
_SMALL_IN_A_SET = 150
"""Together they fit into a set, which takes programs of some 1.3 million instructions."""


class RegexError(ValueError):
    """A pattern that RE2 does not take; `hint` is the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Regexes:
    """The compiled patterns of one configuration. RE2 is loaded with the first."""

    def __init__(self) -> None:
        self._compiled: dict[str, Any] = {}

    def check(self, pattern: str) -> None:
        """Compile a pattern. Raises `RegexError`."""
        self._pattern(pattern)

    def groups(self, pattern: str) -> tuple[str, ...]:
        """Return the names of its groups."""
        return tuple(self._pattern(pattern).groupindex)

    def found(self, pattern: str, text: str) -> Mapping[str, str] | None:
        """Return the named groups of the first match in a text, None without a match."""
        match = self._pattern(pattern).search(text)
        if match is None:
            return None
        return {name: value or "" for name, value in match.groupdict().items()}

    def _pattern(self, pattern: str) -> Any:
        found = self._compiled.get(pattern)
        if found is None:
            found = self._compiled[pattern] = _compile(pattern)
        return found


def _compile(pattern: str) -> Any:
    import re2

    if len(pattern) > _LONGEST:
        raise RegexError(f"a pattern has more than {_LONGEST} characters", "split it into several")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        why = error.args[0] if error.args else ""
        why = why.decode(errors="replace") if isinstance(why, bytes) else str(why)
        hint = "fileorg uses RE2, which has no look-around and no back references"
        raise RegexError(f"the pattern {display(pattern)} cannot be used: {why}", hint) from None


class PatternSet:
    """Several patterns tried at once: a search takes hardly longer for 200 than for one.

    Patterns that do not fit into one set of RE2 are in several. Large ones are tried one by one: to bring them together
    would take seconds.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        import re2

        self._single: list[tuple[int, Any]] = []
        numbered = list(enumerate(patterns))
        try:
            self._sets = [_set_of(numbered)]
        except re2.error:
            small = list[tuple[int, str]]()
            for number, pattern in numbered:
                compiled = _compile(pattern)
                if compiled.programsize > _SMALL_PROGRAM:
                    self._single.append((number, compiled))
                else:
                    small.append((number, pattern))
            self._sets = [_set_of(small[at : at + _SMALL_IN_A_SET]) for at in range(0, len(small), _SMALL_IN_A_SET)]

    def hits(self, text: str | bytes) -> list[int]:
        """Return the numbers of the patterns that occur in a text, in no order."""
        if len(self._sets) == 1 and not self._single:  # nearly always; asked for each name
            return self._sets[0][1].Match(text) or []
        found = [numbers[at] for numbers, some in self._sets for at in some.Match(text) or ()]
        return found + [number for number, pattern in self._single if pattern.search(text) is not None]


def _set_of(patterns: Sequence[tuple[int, str]]) -> tuple[list[int], Any]:
    """Return the numbers of patterns, and a set of them. Raises `re2.error` if they are too large together."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    found = re2.Set.SearchSet(options)
    for _, pattern in patterns:
        found.Add(pattern)
    found.Compile()
    return [number for number, _ in patterns], found
