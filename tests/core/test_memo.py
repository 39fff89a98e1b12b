"""A cache does not grow beyond its limit."""

from fileorg.core.memo import Memo


def test_a_full_memo_is_emptied_and_goes_on() -> None:
    memo: Memo[int, str] = Memo(3)
    for number in range(3):
        memo[number] = str(number)
    assert memo == {0: "0", 1: "1", 2: "2"}
    memo[3] = "3"
    assert memo == {3: "3"}
    assert memo.get(0) is None
