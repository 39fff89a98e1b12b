"""A journal of an older version is copied aside and brought up to date, whoever is killed when; or is read as it is."""

from __future__ import annotations

import errno

from fileorg.core.reasons import Lost, Reason, ReasonCode
from fileorg.journal.sentences_v2 import reason_of


def test_every_sentence_of_before_is_a_reason() -> None:
    known = {
        "identical to Images/a, which stays": Reason(ReasonCode.IDENTICAL, b"Images/a, which stays"),
        "the name is taken": Reason(ReasonCode.NAME_TAKEN),
        "the name is taken: a\\nb": Reason(ReasonCode.NAME_TAKEN, b"a\\nb"),
        "it goes with a, which stays, which stays": Reason(ReasonCode.LEADER_STAYS, b"a, which stays"),
        "a: b, its keeper, changed since it was scanned": Reason(ReasonCode.KEEPER_CHANGED, b"a: b"),
        "it has 3 names (hard links), torn apart by another disk; --action copy copies it": (
            Reason(ReasonCode.HARD_LINKS_TORN, None, 3)
        ),
        "Permission denied": Reason(ReasonCode.SYSTEM_ERROR, None, errno.EACCES),
        "Images is in the way: it is no folder": Reason(ReasonCode.FOLDER_IN_THE_WAY, b"Images"),
        "a: b cannot be used: Permission denied": Reason(ReasonCode.FOLDER_UNUSABLE, b"a: b", errno.EACCES),
        "a cannot be used: for a reason": Reason(ReasonCode.OTHER, b"a cannot be used: for a reason"),
        "the run was interrupted before it was done": Reason(ReasonCode.INTERRUPTED),
        "for a reason": Reason(ReasonCode.OTHER, b"for a reason"),
        "": Reason(ReasonCode.OTHER, b""),
        " could not be kept": Reason(ReasonCode.OTHER, b" could not be kept"),
        "mode could not be kept": Reason(ReasonCode.NOT_KEPT, None, None, Lost.MODE),
        "owner, attributes, mode, times could not be kept": (
            Reason(ReasonCode.NOT_KEPT, None, None, Lost.OWNER | Lost.ATTRIBUTES | Lost.MODE | Lost.TIMES)
        ),
        "owner, attribute user.a, attribute user.b, mode could not be kept": (
            Reason(ReasonCode.NOT_KEPT, b"user.a\0user.b", None, Lost.OWNER | Lost.ATTRIBUTE | Lost.MODE)
        ),
        "attribute user.a, owner, times could not be kept": (
            Reason(ReasonCode.NOT_KEPT, b"user.a, owner", None, Lost.ATTRIBUTE | Lost.TIMES)
        ),
    }
    assert {sentence: reason_of(sentence) for sentence in known} == known
