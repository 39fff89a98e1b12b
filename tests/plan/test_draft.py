"""A draft keeps claims on names in memory, and they agree with its rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fileorg.plan.draft import Claim, Draft, NameFamily

_FOLDER = b"Documents"
_FAMILIES = (b"a", b"b")
_SIZES = (1, 2)

claims = st.builds(
    lambda key, family, number, size: Claim(_FOLDER, key, family, number, False, b"", key, size, 0, size),
    key=st.sampled_from([b"a", b"a (2)", b"a (3)", b"b", b"b (2)"]),
    family=st.sampled_from(_FAMILIES),
    number=st.integers(1, 4),
    size=st.sampled_from(_SIZES),
)
steps = st.one_of(
    st.tuples(st.just("put"), claims, st.sampled_from([None, b"digest"])),
    st.tuples(st.just("displace"), claims, st.none()),
    st.tuples(st.just("ask"), claims, st.none()),
)


@given(st.lists(steps, max_size=30))
def test_numbers_and_digests_agree_with_the_rows(taken: list[tuple[str, Claim, bytes | None]]) -> None:
    rows = dict[bytes, tuple[Claim, bytes | None]]()
    with Draft() as draft:
        for step, claim, start in taken:
            family = NameFamily(_FOLDER, claim.family, claim.content_size)
            if step == "ask":
                draft.digest_starts(family, lambda _: b"digest")
                for key, (row, _) in rows.items():
                    if (row.family, row.content_size) == family[1:]:
                        rows[key] = row, b"digest"
            elif step == "displace" or claim.key not in rows:
                if claim.key in rows:
                    draft.drop(_FOLDER, claim.key)
                draft.put(claim, start)
                rows[claim.key] = claim, start
            for each in _FAMILIES:
                numbers = [row.number for row, _ in rows.values() if row.family == each]
                assert draft.highest(_FOLDER, each) == max(numbers, default=1)
                for size in _SIZES:
                    members = [known for row, known in rows.values() if (row.family, row.content_size) == (each, size)]
                    assert not draft.has_starts(NameFamily(_FOLDER, each, size)) or None not in members
