"""Bloom filters for names and numbers: no false negatives; an exact lookup confirms each positive.

16 MB for many millions of files, where a set of a million names takes over 100 MB.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BITS_A_NAME = 64
_MAX_BITS = 1 << 27
MAX_NAMES = _MAX_BITS // _BITS_A_NAME
"""A filter for this many names has the maximum size."""
_FEW = 50_000


class CandidateSet:
    """A set of digests, usually small: exact up to 50,000, a Bloom filter beyond that."""

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._many: BloomFilter | None = None

    def add_all(self, digests: Iterable[int]) -> None:
        if self._many is not None:
            self._many.add_all([*digests])
            return
        self._few.update(digests)
        if len(self._few) > _FEW:
            self._many = BloomFilter(MAX_NAMES)
            self._many.add_all([*self._few])
            self._few.clear()

    def positions(self, digests: Sequence[int]) -> list[int]:
        """Return the positions of the digests in the set; with the Bloom filter, 0.1 % false positives are possible."""
        few = self._few
        if self._many is not None:
            return self._many.positions(digests)
        if few.isdisjoint(digests):
            return []
        return [position for position, digest in enumerate(digests) if digest in few]

    def __contains__(self, digest: int) -> bool:
        return digest in (self._few if self._many is None else self._many)

    def __bool__(self) -> bool:
        return bool(self._few) or self._many is not None


_SPREAD = 0x9E37_79B9_7F4A_7C15  # odd, near 2**64 / golden ratio: its multiples differ in all bits
_ALL_BITS = (1 << 64) - 1
_MANY = 150_000
_MANY_BITS_OF = MAX_NAMES // 2
_AT_A_TIME = 10_000


class RepeatedValues:
    """The numbers that occurred more than once: exact up to 150,000, which take as much memory as the two filters of 8
    MB beyond that. These have 0.1 % false positives for a million numbers, 1 % for four.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._repeated: set[int] = set()
        self._filters: tuple[BloomFilter | None, BloomFilter] | None = None

    def end(self) -> None:
        """End the input: forget the numbers that occurred only once."""
        self._seen = set()
        if self._filters is not None:
            self._filters = None, self._filters[1]

    def add_all(self, numbers: Sequence[int]) -> None:
        """Add numbers of up to 64 bits; a number that occurs twice in `numbers` is repeated as well."""
        if self._filters is not None:
            seen, repeated = self._filters
            if seen is None:
                raise AssertionError("nothing can be added after the end")
            spread = _spread(numbers)
            repeated.add_all([spread[position] for position in seen.add_all(spread)])
            return
        fresh = set(numbers)
        if len(fresh) != len(numbers):
            self._repeated.update(number for number, count in Counter(numbers).items() if count > 1)
        self._repeated |= fresh & self._seen
        self._seen |= fresh
        if len(self._seen) > _MANY:
            seen, self._seen = _filled(self._seen), set()
            repeated, self._repeated = _filled(self._repeated), set()
            self._filters = seen, repeated

    def positions(self, numbers: Sequence[int]) -> list[int]:
        """Return the positions of the numbers that occurred more than once."""
        if self._filters is not None:
            return self._filters[1].positions(_spread(numbers))
        repeated = self._repeated
        if repeated.isdisjoint(numbers):
            return []
        return [position for position, number in enumerate(numbers) if number in repeated]


def _filled(numbers: set[int]) -> BloomFilter:
    """Return a filter with the numbers, which leave the set meanwhile: both together would take the most memory."""
    filled = BloomFilter(_MANY_BITS_OF)
    while numbers:
        filled.add_all(_spread([numbers.pop() for _ in range(min(_AT_A_TIME, len(numbers)))]))
    return filled


def _spread(numbers: Iterable[int]) -> list[int]:
    return [number * _SPREAD & _ALL_BITS for number in numbers]


class BloomFilter:
    def __init__(self, names: int) -> None:
        """Size the filter for `names` entries: at most one false positive in a thousand, up to 4 million names."""
        bits = 1 << 16
        while bits < min(names * _BITS_A_NAME, _MAX_BITS):
            bits <<= 1
        self._mask = bits - 1
        self._bits = bytearray(bits >> 3)

    def add(self, digest: int) -> bool:
        """Add a 64-bit digest; return True if its bits were set before, by it or by others."""
        bits, mask = self._bits, self._mask
        first, second = digest & mask, (digest >> 32) & mask
        first_bit, second_bit = 1 << (first & 7), 1 << (second & 7)
        known = bits[first >> 3] & first_bit and bits[second >> 3] & second_bit
        bits[first >> 3] |= first_bit
        bits[second >> 3] |= second_bit
        return bool(known)

    def add_all(self, digests: Sequence[int]) -> list[int]:
        """`add` for each digest in a quarter of the time; return the positions of those that were known."""
        bits, mask = self._bits, self._mask
        known = []
        for position, digest in enumerate(digests):
            first, second = digest & mask, (digest >> 32) & mask
            first_bit, second_bit = 1 << (first & 7), 1 << (second & 7)
            first >>= 3
            second >>= 3
            if bits[first] & first_bit and bits[second] & second_bit:
                known.append(position)
            else:
                bits[first] |= first_bit
                bits[second] |= second_bit
        return known

    def positions(self, digests: Sequence[int]) -> list[int]:
        """Return the positions of the digests that are in the filter."""
        bits, mask = self._bits, self._mask
        return [
            position
            for position, digest in enumerate(digests)
            if bits[(digest & mask) >> 3] & (1 << (digest & 7))
            and bits[((digest >> 32) & mask) >> 3] & (1 << ((digest >> 32) & 7))
        ]

    def __contains__(self, digest: int) -> bool:
        bits, mask = self._bits, self._mask
        first, second = digest & mask, (digest >> 32) & mask
        return bool(bits[first >> 3] & (1 << (first & 7)) and bits[second >> 3] & (1 << (second & 7)))
