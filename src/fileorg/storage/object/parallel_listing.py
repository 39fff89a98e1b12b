"""Lists all keys below a prefix by several requests at once. A page names the next one, so one listing waits for each
answer; several listings that begin at different keys do not.

Where to begin is guessed, and nothing but the speed depends on the guesses. A stretch of the listing goes on until it
meets the first page of another one, whatever the order of the store: each key is listed once, and none is missed.
"""

from __future__ import annotations

import asyncio
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase, digits
from typing import TYPE_CHECKING, Any, Protocol

from fileorg.storage.object.store_error import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from fileorg.storage.object.client import StoredObject

STRETCHES = 8
"""The listings that are under way at once: each holds a page, and eight outrun what is done with the keys."""
_PAGES_A_GUESS = 4
"""A guess may find nothing, and a new stretch costs a part of a page: for each guess, so many pages must have come."""
_PAGES_BEFORE = 2
"""A stretch that has listed so many pages is worth dividing."""
_WAITING = 2
_KEYS_SINCE = 32_000
_CLASSES = (digits, ascii_uppercase, ascii_lowercase)
_ALPHABET = "".join(_CLASSES)


class _Ask(Protocol):
    def __call__(
        self, *, token: str | None = None, after: bytes = b""
    ) -> Awaitable[tuple[list[StoredObject], str | None]]: ...


class _Stretch:
    """A part of the listing, from its first page up to that of another part."""

    def __init__(self, page: Sequence[StoredObject], above: bytes | None) -> None:
        self.head = [each.key for each in page]
        self.pages = 1
        self.first, self.last = self.head[0], self.head[-1]
        """The keys at both ends of its newest page."""
        self.above = above
        """Another part begins here, or nothing is behind it. None: not known."""
        self.is_guessed = False
        """True while a guess is under way that may divide it."""


class ParallelListing:
    """One listing, from its second page on. All but `__init__` runs in one event loop."""

    def __init__(self, ask: _Ask, prefix: bytes, first: Sequence[StoredObject]) -> None:
        """`ask` returns a page and the token of the next one. `first` is the first page."""
        self._ask = ask
        self._start = len(prefix.decode())
        self._first = first[0].key
        self._origin = _Stretch(first, None)
        self._stretches: list[_Stretch] = []
        self._heads: dict[bytes, _Stretch] = {}
        """The keys of first pages that no stretch has met yet."""
        self._came = self._guesses = self._under_way = self._round = 0
        self._may_guess = True
        self._since: set[bytes] = set()
        """What was listed while a guess was under way."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._pages: asyncio.Queue[list[StoredObject] | None] = asyncio.Queue(_WAITING)

    async def run(self, token: str) -> None:
        """List, from the second page on. Raises `StoreError`."""
        self._stretches.append(self._origin)
        self._begin(self._list(self._origin, token))
        try:
            while self._tasks:
                done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    each.result()
                self._tasks -= done
        except BaseException:
            for each in self._tasks:
                each.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            while not self._pages.empty():
                self._pages.get_nowait()
            self._pages.put_nowait(None)
            raise
        await self._pages.put(None)

    async def next_page(self) -> list[StoredObject] | None:
        """Return a page; None once there is no other, or `run` has failed."""
        return await self._pages.get()

    def _begin(self, work: Any) -> None:
        self._tasks.add(asyncio.ensure_future(work))

    async def _list(self, stretch: _Stretch, token: str | None, page: list[StoredObject] | None = None) -> None:
        """List a stretch to its end; `page` is its first one, if that is not passed on yet."""
        if page:
            await self._pages.put(page)
        while token is not None:
            page, token = await self._ask(token=token)
            page, is_met = self._up_to_another(page)
            token = None if is_met else token
            self._note(page)
            if page:
                stretch.first, stretch.last = page[0].key, page[-1].key
                stretch.pages += 1
            if token is None:  # at once: what a guess for it finds from now on belongs to another one
                self._stretches.remove(stretch)
            self._divide()
            if page:
                await self._pages.put(page)

    def _up_to_another(self, page: list[StoredObject]) -> tuple[list[StoredObject], bool]:
        """Return a page up to where another stretch began, and whether one did."""
        if self._heads:
            for number, each in enumerate(page):
                if (met := self._heads.get(each.key)) is not None:
                    for key in met.head:
                        self._heads.pop(key, None)
                    return page[:number], True
        return page, False

    def _note(self, page: Sequence[StoredObject]) -> None:
        self._came += 1
        if any(one.key >= other.key for one, other in pairwise(page)):
            self._may_guess = False  # the order of the store is another one: guesses would go wrong
        if self._under_way:
            if len(self._since) > _KEYS_SINCE:
                self._since.clear()
                self._round += 1  # the guesses under way are too old to be used
            self._since.update(each.key for each in page)

    def _divide(self) -> None:
        """Send guesses for stretches that go on for long, as far as there is room."""
        if not self._pages.empty():  # who reads is slower than the store
            return
        for stretch in sorted(self._stretches, key=lambda each: -each.pages):
            is_full = len(self._stretches) + self._under_way >= STRETCHES
            if not self._may_guess or is_full or self._guesses > self._came // _PAGES_A_GUESS:
                return
            if stretch.is_guessed or stretch.pages < _PAGES_BEFORE:
                continue
            after = between(stretch.first.decode(), stretch.last.decode(), stretch.above, self._start)
            if after is not None:
                stretch.is_guessed = True
                self._guesses += 1
                self._under_way += 1
                self._begin(self._guess(stretch, after.encode()))

    async def _guess(self, stretch: _Stretch, after: bytes) -> None:
        """Begin another stretch behind a key, if there is anything that no stretch will come to soon."""
        began = self._round
        try:
            page, token = await self._ask(after=after)
        except StoreError:  # the listing itself goes on, or fails for the same reason
            self._may_guess = False
            return
        finally:
            stretch.is_guessed = False
            self._under_way -= 1
            since = self._since
            if not self._under_way:
                self._since = set()
        first = page[0].key if page else None
        if stretch not in self._stretches:
            return  # it has ended meanwhile, and has met what is here
        if first is None or first in self._heads:
            stretch.above = after
        elif first == self._first or began != self._round:
            self._may_guess = first != self._first  # a store that ignores the key to begin at
        elif first not in since:
            page, is_met = self._up_to_another(page)
            self._note(page)
            new = _Stretch(page, stretch.above)
            stretch.above = first
            self._heads |= dict.fromkeys(new.head, new)
            token = None if is_met else token
            self._stretches += [] if token is None else [new]
            self._begin(self._list(new, token, page))


def between(first: str, last: str, above: bytes | None, start: int) -> str | None:
    """Return a text behind the key `last` and, if that is known, before `above`, with many keys on both sides, as far
    as names with numbers and letters let that be guessed. None: no idea.

    `first` and `last` are the ends of a page; the first `start` characters of all keys are the same.
    """
    if above is None:
        differ = _first_difference(first, last)
        places = [*range(differ - 1, start - 1, -1), differ]  # the larger steps first, then the smallest
        return next((found for at in places if (found := _raised(last, at, None)) is not None), None)
    end = above.decode()
    if end <= last:
        return None
    differ = _first_difference(last, end)
    if differ < len(end) and (found := _raised(last, differ, end[differ])) is not None:
        return found
    return next((found for at in range(differ + 1, len(last)) if (found := _raised(last, at, None))), None)


def _raised(key: str, at: int, end: str | None) -> str | None:
    """Return the key up to a character, which is raised halfway to `end`, or to the last one of its kind."""
    if at >= len(key):
        return None
    own = key[at]
    kind = next((each for each in _CLASSES if own in each and (end is None or end in each)), "")
    higher = [each for each in kind or ("" if end is None else _ALPHABET) if each > own and (end is None or each < end)]
    return key[:at] + higher[len(higher) // 2] if higher else None


def _first_difference(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
