"""Regular expressions by RE2, which takes time in proportion to the text, whatever the pattern.

A pattern is searched in the name as text: composed (NFC), with U+FFFD for bytes that are not UTF-8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fileorg.core.names import display

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LONGEST = 2000
_MEMORY_BYTES = 64 << 20


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
    """Several patterns tried at once: a search takes hardly longer for 200 than for one."""

    def __init__(self, patterns: Iterable[str]) -> None:
        import re2

        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MEMORY_BYTES
        self._set = re2.Set.SearchSet(options)
        for pattern in patterns:
            self._set.Add(pattern)
        self._set.Compile()

    def hits(self, text: str | bytes) -> list[int]:
        """Return the numbers of the patterns that occur in a text, in no order."""
        return self._set.Match(text) or []
