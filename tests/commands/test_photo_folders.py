"""An export of Google Takeout, the folder of a phone, and a camera card: organized by date, and undone exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.commands.test_by_date import photo, write
from tests.commands.test_content_rules import configured, taken
from tests.content.media_samples import ORIGINAL, film, film_header, heic, keys, png, seconds_1904, takeout, tiff, xmp
from tests.content.samples import JPEG, PNG

from fileorg.core.model import By

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

pytestmark = pytest.mark.usefixtures("in_utc")

MAY, JUNE = 1_336_039_872, 1_338_545_472  # 3 May and 1 June 2012, 10:11:12 in UTC

TAKEOUT = {
    # the JSON has the date, the pictures have lost theirs
    "Photos from 2012/IMG_1.jpg": JPEG,
    "Photos from 2012/IMG_1.jpg.json": takeout(MAY),
    "Photos from 2012/IMG_2.jpg": JPEG + b"2",
    "Photos from 2012/IMG_2.jpg.supplemental-metadata.json": takeout(JUNE),
    # the edit has no JSON of its own
    "Photos from 2012/IMG_1-edited.jpg": JPEG + b"edited",
    # EXIF counts before the JSON
    "Photos from 2012/IMG_3.jpg": photo("2011:12:31 23:00:00"),
    "Photos from 2012/IMG_3.jpg.json": takeout(MAY),
    # a film and a Live Photo
    "Photos from 2012/VID_4.mp4": film(film_header(seconds_1904(MAY))),
    "Photos from 2012/VID_4.mp4.json": takeout(MAY),
    "Photos from 2012/IMG_5.HEIC": heic(tiff(exif={ORIGINAL: "2012:05:31 23:59:00"})),
    "Photos from 2012/IMG_5.MP4": film(film_header(seconds_1904(JUNE))),
    "Photos from 2012/IMG_5.HEIC.json": takeout(MAY),
}
TAKEOUT_AFTER = {
    "IMG_1.jpg": "2012/05", "IMG_1.jpg.json": "2012/05", "IMG_1-edited.jpg": "2012/05", "IMG_2.jpg": "2012/06",
    "IMG_2.jpg.supplemental-metadata.json": "2012/06", "IMG_3.jpg": "2011/12", "IMG_3.jpg.json": "2011/12",
    "VID_4.mp4": "2012/05", "VID_4.mp4.json": "2012/05", "IMG_5.HEIC": "2012/05", "IMG_5.MP4": "2012/05",
    "IMG_5.HEIC.json": "2012/05",
}  # fmt: skip

PHONE = {
    "Camera/PXL_20120503_235900123.jpg": photo("2012:05:04 01:59:00", offset="+02:00"),
    "Camera/PXL_20120601_090000000.mp4": film(film_header(seconds_1904(JUNE))),
    "Camera/IMG_0001.HEIC": heic(tiff(exif={ORIGINAL: "2012:05:31 23:59:00"})),
    "Camera/IMG_0001.MOV": film(keys(creationdate="2012-06-01T00:00:01+0200"), brand=b"qt  "),
    "Camera/IMG_0002.JPG": photo("2012:06:01 10:00:00"),
    "Camera/IMG_0002.AAE": b"<plist/>",
    "Screenshots/Screenshot_20240115-101112.png": PNG,
    "WhatsApp Images/IMG-20240115-WA0001.jpg": JPEG + b"w",
    "Download/signal-2024-02-01-10-11-12-123.jpg": JPEG + b"s",
    "Download/letter.pdf": b"%PDF-1.4\n1 0 obj",
}
PHONE_AFTER = {
    "PXL_20120503_235900123.jpg": "2012/05", "PXL_20120601_090000000.mp4": "2012/06", "IMG_0001.HEIC": "2012/05",
    "IMG_0001.MOV": "2012/05", "IMG_0002.JPG": "2012/06", "IMG_0002.AAE": "2012/06",
    "Screenshot_20240115-101112.png": "2024/01", "IMG-20240115-WA0001.jpg": "2024/01",
    "signal-2024-02-01-10-11-12-123.jpg": "2024/02", "letter.pdf": "2021/03",
}  # fmt: skip


@pytest.mark.parametrize(("files", "after"), [(TAKEOUT, TAKEOUT_AFTER), (PHONE, PHONE_AFTER)], ids=["takeout", "phone"])
def test_by_date_and_back(runs: Runs, tree: Tree, files: dict[str, bytes], after: dict[str, str]) -> None:
    write(tree, files)
    before = tree.snapshot()
    runs.organize(by=By.DATE, recursive=True, remove_empty=True)
    assert {name: folder for folder, _, name in (path.rpartition("/") for path in tree.read())} == after
    assert runs.organize(by=By.DATE, recursive=True).done == 0
    runs.undo(operation=1)
    assert tree.snapshot() == before


CAMERA_CARD = {
    **{f"DCIM/100NIKON/DSC_{number}.JPG": taken(f"2012:05:31 10:00:0{second}", "Nikon Z6")
       for second, number in enumerate(("9998", "9999"))},
    **{f"DCIM/101NIKON/DSC_{number}.JPG": taken(f"2012:05:31 10:00:0{second}", "Nikon Z6")
       for second, number in ((2, "0001"), (3, "0002"))},
    "DCIM/100CANON/DSC_0001.JPG": taken("2012:05:31 10:00:02", "Canon R6"),
    "DCIM/100CANON/DSC_0001.xmp": xmp(photoshop_DateCreated="2012-05-31T10:00:02"),
    "DCIM/100CANON/MVI_0002.MP4": film(film_header(seconds_1904(JUNE))),
    "DCIM/100CANON/LOGO.PNG": png(),
}  # fmt: skip


def test_a_card_of_two_cameras_whose_numbers_wrap(runs: Runs, tree: Tree) -> None:
    write(tree, CAMERA_CARD)
    before = tree.snapshot()
    rules = configured(
        '[[rule]]\nwhen = { has = "camera" }\nto = "{meta.camera}/{taken:%Y%m%d_%H%M%S}.{ext}"\n'
        '[[rule]]\nto = "Others/{taken|named|modified:%Y-%m}"'
    )
    runs.organize(configuration=rules, recursive=True, remove_empty=True)
    assert tree.read().keys() == {
        "Nikon Z6/20120531_100000.JPG", "Nikon Z6/20120531_100001.JPG", "Nikon Z6/20120531_100002.JPG",
        "Nikon Z6/20120531_100003.JPG", "Canon R6/20120531_100002.JPG", "Canon R6/20120531_100002.xmp",
        "Others/2012-06/MVI_0002.MP4", "Others/2021-03/LOGO.PNG",
    }  # fmt: skip
    runs.undo()
    assert tree.snapshot() == before
