"""The choice of the keeper of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileorg.content.keeper import (
    Keep,
    KeeperDecision,
    KeeperPolicy,
    KeepOptions,
    KeepReason,
    Precedence,
    Trees,
    looks_like_a_copy,
)
from fileorg.index.duplicate_groups import Group, Member
from fileorg.rules.ignore import Patterns

if TYPE_CHECKING:
    from collections.abc import Callable

COPIES = (
    "a (1).jpg", "a(2).jpg", "a - Copy.jpg", "a - Copy (2).jpg", "a copy.jpg", "a copy 3.jpg", "a (copy).jpg",
    "a (another copy).jpg", "a (3rd copy).jpg", "Copy of a.jpg", "Copy (2) of a.jpg", "Kopie von a.jpg",
    "a - Kopie.jpg", "a_copy.jpg", "a (1)",
)  # fmt: skip
ORIGINALS = (
    "a.jpg", "copy.jpg", "photocopy.jpg", "IMG_1.jpg", "a (2024 edition).pdf", "of copy shops.txt", "2.jpg", ".copy",
)  # fmt: skip
NO_OPTIONS = KeepOptions()


def member(path: str, root: int = 0, *, mtime_ns: int = 5, inode: int = 0, nlink: int = 1) -> Member:
    folder, _, name = path.encode().rpartition(b"/")
    return Member(root, folder, name, 1, inode or hash((path, root)), mtime_ns, 0o100644, nlink)


def kept(
    *members: Member,
    roots: tuple[bytes, ...] = (b"/r", b"/s"),
    keep_options: KeepOptions = NO_OPTIONS,
    files_in: Callable[[int, bytes], int] = lambda *_: 1,
) -> str:
    decision = decide(*members, roots=roots, keep_options=keep_options, files_in=files_in)
    return Trees(roots).path(decision.keeper).decode()


def decide(
    *members: Member,
    roots: tuple[bytes, ...] = (b"/r", b"/s"),
    keep_options: KeepOptions = NO_OPTIONS,
    references: tuple[bytes, ...] = (),
    files_in: Callable[[int, bytes], int] = lambda *_: 1,
) -> KeeperDecision:
    usual = sorted(
        members,
        key=lambda m: (
            looks_like_a_copy(m.name),
            m.mtime_ns,
            len(m.folder) + bool(m.folder) + len(m.name),
            m.root,
            m.folder,
            m.name,
        ),
    )
    files = len({member.inode for member in members})
    return KeeperPolicy(Trees(roots, references), keep_options, files_in).decide(Group(b"d" * 16, 10, files, usual))


@pytest.mark.parametrize("name", COPIES)
def test_what_looks_like_a_copy(name: str) -> None:
    assert looks_like_a_copy(name.encode())


@pytest.mark.parametrize("name", ORIGINALS)
def test_what_does_not(name: str) -> None:
    assert not looks_like_a_copy(name.encode())


@pytest.mark.parametrize(
    ("rule", "stays"),
    [
        (Keep.OLDEST, "/r/long/folder/b.jpg"),
        (Keep.NEWEST, "/r/c (1).jpg"),
        (Keep.SHORTEST_PATH, "/s/m.jpg"),
        (Keep.LONGEST_PATH, "/r/long/folder/b.jpg"),
        (Keep.SHORTEST_NAME, "/r/long/folder/b.jpg"),
        (Keep.FIRST, "/r/aa.jpg"),
        (Keep.LARGEST_FOLDER, "/s/m.jpg"),
        (Keep.CLEAN_NAME, "/r/long/folder/b.jpg"),
    ],
)
def test_each_rule(rule: Keep, stays: str) -> None:
    members = (
        member("aa.jpg", mtime_ns=3),
        member("long/folder/b.jpg", mtime_ns=1),
        member("c (1).jpg", mtime_ns=9),
        member("m.jpg", 1, mtime_ns=4),
    )
    assert kept(*members, keep_options=KeepOptions([rule]), files_in=lambda root, _: 1 + root) == stays


def test_without_a_wish_a_clean_name_comes_before_an_old_one() -> None:
    assert kept(member("a (1).jpg", mtime_ns=1), member("a.jpg", mtime_ns=2)) == "/r/a.jpg"
    assert kept(member("a.jpg", mtime_ns=2), member("b.jpg", mtime_ns=1)) == "/r/b.jpg"
    assert kept(member("aa.jpg"), member("b.jpg")) == "/r/b.jpg"


def test_the_next_wish_decides_where_the_first_does_not() -> None:
    members = (member("a/x.jpg", mtime_ns=1), member("b/y.jpg", mtime_ns=1), member("z.jpg", mtime_ns=2))
    assert kept(*members, keep_options=KeepOptions([Keep.OLDEST, Keep.LONGEST_PATH])) == "/r/a/x.jpg"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "a (1)", "b/a", "bb/a", "b/aa"]),
            st.integers(0, 1),
            st.integers(1, 3),
            st.integers(1, 4),
        ),
        min_size=2,
        unique_by=lambda file: file[:2],
    )
)
def test_the_usual_order_is_that_of_the_rules(files: list[tuple[str, int, int, int]]) -> None:
    """The index uses the same order when there are no preferences."""
    members = [member(path, root, mtime_ns=time, inode=inode) for path, root, time, inode in files]
    roots = (b"/r", b"/s")
    usual, ranked = (decide(*members, roots=roots, keep_options=KeepOptions(keep)) for keep in ((), (Keep.CLEAN_NAME,)))
    assert usual.keeper == ranked.keeper
    assert {*usual.victims} == {*ranked.victims}
    assert {*usual.stays} == {*ranked.stays}
    assert len(usual.listed) == len(ranked.listed)

    policy = KeeperPolicy(Trees(roots), NO_OPTIONS, lambda *_: 1)
    chosen = policy.decide(usual.group, [usual.keeper])  # to choose the suggested file is to take the suggestion
    assert (chosen.keeper, {*chosen.victims}, {*chosen.stays}) == (usual.keeper, {*usual.victims}, {*usual.stays})
    assert policy.why(usual)


@pytest.mark.parametrize(
    ("names", "prefer", "why"),
    [
        (["a", "a (1)"], "", [Keep.CLEAN_NAME]),
        (["a", "bb", "b (1)"], "", [Keep.CLEAN_NAME, Keep.SHORTEST_PATH]),
        (["a", "b"], "", [Precedence.PATH]),
        (["a", "b"], "b", [Precedence.PREFERRED]),
    ],
)
def test_why_a_file_is_kept(names: list[str], prefer: str, why: list[KeepReason]) -> None:
    options = KeepOptions(prefer=Patterns("--prefer", [prefer]) if prefer else None)
    decision = decide(*map(member, names), keep_options=options)
    assert KeeperPolicy(Trees((b"/r", b"/s")), options, lambda *_: 1).why(decision) == why


def test_the_order_of_the_members_decides_nothing() -> None:
    members = [member(name) for name in ("a", "b", "c")]
    assert {kept(*members[shift:], *members[:shift]) for shift in range(3)} == {"/r/a"}


def test_a_reference_stays_whatever_is_wished() -> None:
    members = (member("old", mtime_ns=1), member("new", 1, mtime_ns=9), member("newer", 1, mtime_ns=10))
    decision = decide(*members, references=(b"/s",), keep_options=KeepOptions([Keep.OLDEST]))
    assert (decision.keeper.name, [victim.name for victim in decision.victims]) == (b"new", [b"old"])


def test_a_reference_inside_a_tree() -> None:
    members = (member("master/a"), member("masterpiece/a"), member("a"))
    decision = decide(*members, references=(b"/r/master",))
    assert (decision.keeper.folder, len(decision.victims)) == (b"master", 2)


def test_what_is_protected_is_never_a_victim() -> None:
    keep_options = KeepOptions([Keep.NEWEST], protect=Patterns("--protect", ["*.raw"]))
    decision = decide(
        member("a.raw", mtime_ns=1), member("b.raw", mtime_ns=2), member("c", mtime_ns=9), keep_options=keep_options
    )
    assert (decision.keeper.name, [victim.name for victim in decision.victims]) == (b"b.raw", [b"c"])


def test_what_is_preferred_stays() -> None:
    keep_options = KeepOptions(prefer=Patterns("--prefer", ["sorted/"]))
    assert kept(member("a", mtime_ns=1), member("sorted/b", mtime_ns=9), keep_options=keep_options) == "/r/sorted/b"


def test_isolated_trees_keep_their_own_copies() -> None:
    members = (member("a"), member("b"), member("c", 1), member("d", 1))
    decision = decide(*members, keep_options=KeepOptions(isolate=True))
    assert {victim.root for victim in decision.victims} == {1}
    assert not decide(member("a"), member("b"), keep_options=KeepOptions(isolate=True)).victims


def test_an_isolated_tree_that_has_a_name_of_the_keepers_file_keeps_its_own_copies() -> None:
    """Either name may be the keeper: after `--action hardlink` the file has one in each tree."""
    short, long = member("a", 1, inode=7, nlink=2), member("long name", inode=7, nlink=2)
    for keeper in (short, long):
        prefer = Patterns("--prefer", [keeper.name.decode()])
        decision = decide(
            short, long, member("b"), member("c", 1), keep_options=KeepOptions(prefer=prefer, isolate=True)
        )
        assert decision.keeper == keeper
        assert not decision.victims


def test_no_name_of_the_keepers_own_file_goes() -> None:
    members = (member("a", inode=7, nlink=2), member("b", inode=7, nlink=2), member("c", inode=8))
    decision = decide(*members)
    assert [victim.name for victim in decision.victims] == [b"c"]
    assert [name.name for name in decision.listed] == [b"a", b"c"]
    assert len(decide(*members, keep_options=KeepOptions(with_links=True)).listed) == 3
