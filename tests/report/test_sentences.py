"""Every reason has a sentence, also for counted records, without names."""

from __future__ import annotations

import errno

import pytest

from fileorg.core.reasons import ABOUT_ANOTHER_FILE, Lost, Reason, ReasonCode
from fileorg.report.sentences import sentence, sentence_of_many

NAME = b"Images/a, which stays\n is not there: {0}.jpg"
SHOWN = "Images/a, which stays\\n is not there: {0}.jpg"


@pytest.mark.parametrize("code", ReasonCode)
def test_every_code_has_words(code: ReasonCode) -> None:
    reason = Reason(code, NAME, errno.EACCES, Lost.MODE)
    assert "{" not in sentence(reason).replace(SHOWN, "")
    assert (SHOWN in sentence_of_many(reason)) <= (code not in ABOUT_ANOTHER_FILE)
    assert sentence(reason) == sentence(reason).strip()


@pytest.mark.parametrize(
    ("reason", "said", "of_many"),
    [
        (Reason(ReasonCode.IDENTICAL, NAME), f"identical to {SHOWN}", "identical to a file that is already there"),
        (Reason(ReasonCode.NEWER_THERE, NAME), f"the existing file is newer: {SHOWN}", "the existing file is newer"),
        (Reason(ReasonCode.NAME_TAKEN, NAME), f"the name is taken: {SHOWN}", "the name is taken"),
        (Reason(ReasonCode.NAME_TAKEN), "the name is taken", "the name is taken"),
        (
            Reason(ReasonCode.LEADER_STAYS, NAME),
            f"kept with {SHOWN}, which is not moved",
            "kept with a file that is not moved",
        ),
        (
            Reason(ReasonCode.KEEPER_GONE, NAME),
            f"its keeper {SHOWN} no longer exists",
            "its keeper no longer exists",
        ),
        (
            Reason(ReasonCode.KEEPER_DIFFERS, NAME),
            f"its content differs from {SHOWN} now",
            "its content differs from its keeper now",
        ),
        (
            Reason(ReasonCode.KEEPER_IS_ITSELF, NAME),
            f"it is the same file as {SHOWN}, under another name",
            "it is the same file as its keeper, under another name",
        ),
        (
            Reason(ReasonCode.FOLDER_MISSING, NAME),
            f"the folder {SHOWN} does not exist",
            "the destination folder does not exist",
        ),
        (Reason(ReasonCode.SYSTEM_ERROR, None, errno.EACCES), "Permission denied", "Permission denied"),
        (
            Reason(ReasonCode.NAME_REFUSED, None, errno.EINVAL),
            "the destination file system does not allow this name: Invalid argument",
            "the destination file system does not allow this name: Invalid argument",
        ),
        (
            Reason(ReasonCode.NAME_REFUSED),
            "the destination file system does not allow this name",
            "the destination file system does not allow this name",
        ),
        (Reason(ReasonCode.OTHER, b"an old sentence"), "an old sentence", "an old sentence"),
        (Reason(ReasonCode.OTHER), "for other reasons", "for other reasons"),
        (
            Reason(ReasonCode.NOT_KEPT, b"user.a, mode\0user.b", None, Lost.OWNER | Lost.ATTRIBUTE | Lost.TIMES),
            "owner, attribute user.a, mode, attribute user.b, times could not be preserved",
            "owner, attribute user.a, mode, attribute user.b, times could not be preserved",
        ),
    ],
)
def test_reasons_in_words(reason: Reason, said: str, of_many: str) -> None:
    assert (sentence(reason), sentence_of_many(reason)) == (said, of_many)


def test_what_the_system_says_is_a_number_and_other_words_are_kept() -> None:
    refused = Reason.of_error(PermissionError(errno.EACCES, "Permission denied"))
    assert (refused, sentence(refused)) == (Reason(ReasonCode.SYSTEM_ERROR, None, errno.EACCES), "Permission denied")
    assert sentence(Reason.of_error(OSError(errno.ESTALE, "its size changed"))) == "its size changed"
    assert sentence(Reason.of_error(OSError("in words only"))) == "in words only"
