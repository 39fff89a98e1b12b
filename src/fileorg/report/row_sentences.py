"""The sentences of what is wrong with rows of a given plan. No other module words them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fileorg.core.figures import plural
from fileorg.core.names import display
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.row_problems import RowFault
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from fileorg.core.row_problems import RowProblem

_SENTENCES = {
    RowFault.NOT_UTF8: "it is not UTF-8 (give names of other bytes in path_b64 and new_path_b64, or use -0)",
    RowFault.NOT_JSON: "it is not a complete JSON object",
    RowFault.NOT_CSV: "it is not a row of CSV with the columns of the first line",
    RowFault.NO_COLUMNS: "there is no column path: expected path and new_path (or from and to)",
    RowFault.NO_PATH: "it has no path",
    RowFault.NO_NEW_PATH: "it has no new_path",
    RowFault.UNKNOWN_ACTION: "unknown action {about}: expected move, copy, hardlink, symlink or trash",
    RowFault.BAD_VALUE: "it cannot be used: {about}",
    RowFault.CUT_OFF: "it is cut off",
    RowFault.NO_NUMBER: "it does not begin with the number of a file and a tab: {about}",
    RowFault.BAD_PATH: "it is no path of a file",
    RowFault.OUTSIDE: "{about} is not in the folder of the plan (see --root)",
    RowFault.ONTO_ITSELF: "its new path is the path that it has",
    RowFault.INTO_ITSELF: "a folder cannot be moved into itself",
    RowFault.NAME_TOO_LONG: "the name {about} is longer than {number} bytes",
    RowFault.NAME_REFUSED: "the file system does not allow the name {about}",
    RowFault.MISSING: "it does not exist",
    RowFault.UNREADABLE: "{about} cannot be read: {error}",
    RowFault.TWO_ROWS: "line {number} has the same path",
    RowFault.OTHER_SIZE: "it has changed: its size is {size}, not {about} bytes",
    RowFault.OTHER_TIME: "it has changed since {about}",
    RowFault.OTHER_CONTENT: "it has changed: its content has another digest",
    RowFault.NOT_A_FILE: "it is not a regular file",
    RowFault.TAKEN: "the name is taken: {about}",
    RowFault.TWICE: "line {number} has the same new path {about}",
    RowFault.NOT_VACATED: "{about} does not become free, because line {number} is not done",
    RowFault.FILE_FOR_FOLDER: "{about} is a folder that this plan does not leave empty",
    RowFault.FOLDER_FOR_FILE: "{about} is a file that this plan does not take away",
    RowFault.FOLDER_CASE: (
        "on this file system {about} is the folder itself: give it another name first, and this one with a second plan"
    ),
    RowFault.BELOW_A_FILE: "{about} is a file, not a folder",
    RowFault.BEHIND_SYMLINK: "{about} is a symlink, and fileorg does not follow it",
    RowFault.LOOKS_ALIKE: (
        "nothing but their names tells it and {about} apart (one file with two names, a file system without lasting"
        " inode numbers, or objects with one content), so one cannot get the name of the other"
    ),
    RowFault.CYCLE_ON_DISKS: "names are exchanged across file systems only for a regular file with one name",
    RowFault.CYCLE_IN_STORE: (
        "names of objects are exchanged only below one --root: give one of them another name first, and its new one"
        " with a second plan"
    ),
    RowFault.CYCLE_TOO_LONG: "it belongs to a cycle of more than {number} names",
    RowFault.PART_REFUSED: "it is only done together with line {number}, which is not done",
    RowFault.KEPT_WHOLE: "it is part of a folder that is kept whole (because of {about}); see --everything",
    RowFault.MARKED: "it is unfinished or open in a program (because of {about}); see --everything",
    RowFault.TEARS_GROUP: "it belongs together with {about}: both must go to one folder, under one name",
    RowFault.OURS: "{about} is a name of fileorg itself",
    RowFault.FOLDER_NOT_REMOVABLE: "this folder {reason}",
    RowFault.OTHER_MODE: "a folder with other permissions is there already",
    RowFault.NOT_EMPTY: "this folder is not empty any more",
    RowFault.FOLDER_ACTION: "it is a folder, which can be moved or put into the trash, but not {about}",
    RowFault.FOLDER_IN_STORE: "a whole folder cannot go into a store or out of it: give a row for each file in it",
    RowFault.OTHER_DISK: "it is on another file system",
    RowFault.HARD_LINKS_TORN: (
        "it has {number} names (hard links), so it is not moved to another file system or into a store: copy it"
    ),
    RowFault.LINK_IN_STORE: "a store has no links",
    RowFault.KEEPER_ELSEWHERE: "{about} is not in the same store, and is not compared with it",
}


def sentence_of_row(problem: RowProblem) -> str:
    """Return what is wrong as one printable line, without the line number and the path of the row."""
    _, fault, _, about, number = problem
    template, reason = _SENTENCES[fault], ""
    if fault is RowFault.BELOW_A_FILE and number is not None:
        template = "{about} is a folder for line {number}"
    if fault in {RowFault.MARKED, RowFault.KEPT_WHOLE} and not about:
        template = template.replace(" (because of {about})", "")
    if fault is RowFault.FOLDER_NOT_REMOVABLE:
        reason = sentence(Reason(ReasonCode(about.decode()), None, number))
    return template.format(
        about=display(about),
        number=number,
        error="" if number is None else os.strerror(number) if 0 <= number < 256 else "",
        size="" if number is None else plural(number, "byte"),
        reason=reason,
    )


def line_of_row(problem: RowProblem) -> str:
    """Return the whole line for people: where, which file, and what is wrong."""
    path = f"{display(problem.path)}: " if problem.path else ""
    return f"line {problem.line}: {path}{sentence_of_row(problem)}"
