"""When pictures and films were taken: files with known truths, made here."""

from __future__ import annotations

import random
import struct
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.content.media_samples import (
    CHANGED,
    DIGITIZED,
    FRACTION,
    GPS_DATE,
    GPS_TIME,
    MAKE,
    MODEL,
    OFFSET,
    OFFSET_DIGITIZED,
    OFFSET_ORIGINAL,
    ORIGINAL,
    box,
    cr3,
    film,
    film_header,
    gps_tags,
    heic,
    iptc,
    jpeg,
    keys,
    large_box,
    matroska,
    plain_webp,
    png,
    raf,
    seconds_1904,
    takeout,
    tiff,
    track,
    webp,
    xmp,
    xmp_elements,
)  # fmt: skip
from tests.content.samples import BINARY, PNG

from fileorg.content.dates import DateChoice, Offset, TakenDate, ZoneSource, offset_of, taken_date
from fileorg.content.head import BytesContent
from fileorg.content.media import DateSource, MediaFacts, read_media, take_takeout, take_xmp
from fileorg.rules.moments import DateFault, MediaMoment, refusal_of
from fileorg.rules.name_dates import date_in_name

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 29, 12)
BERLIN_SUMMER = timezone(timedelta(hours=2))
CHOICE = DateChoice(NOW, BERLIN_SUMMER)
MAY = int(datetime(2012, 5, 3, 8, 11, 12, tzinfo=UTC).timestamp())
EXIF_MAY = {ORIGINAL: "2012:05:03 10:11:12"}
ENDLESS = tiff({MAKE: "A"}) + bytes(100)


def taken(content: bytes, **beside: bytes) -> TakenDate | None:
    facts = read_media(BytesContent(content))
    if "sidecar" in beside:
        take_xmp(beside["sidecar"], DateSource.SIDECAR, facts)
    if "takeout" in beside:
        take_takeout(beside["takeout"], facts)
    return taken_date(facts, CHOICE)[0]


class Truth(NamedTuple):
    """A file and its date."""

    content: bytes
    source: DateSource
    wall: str
    offset: int | None = None
    beside: dict[str, bytes] = {}  # noqa: RUF012 -- never changed


TRUTHS: dict[str, Truth] = {
    # EXIF
    "jpeg": Truth(jpeg(tiff(exif=EXIF_MAY)), DateSource.EXIF, "2012-05-03 10:11:12"),
    "jpeg, big-endian": Truth(jpeg(tiff(exif=EXIF_MAY, order=">")), DateSource.EXIF, "2012-05-03 10:11:12"),
    "fraction and offset": Truth(
        jpeg(tiff(exif={**EXIF_MAY, FRACTION: "45", OFFSET_ORIGINAL: "+09:00"})), DateSource.EXIF,
        "2012-05-03 10:11:12.450000", 540,
    ),
    "the offset of another date": Truth(
        jpeg(tiff(exif={**EXIF_MAY, OFFSET: "+09:00"})), DateSource.EXIF, "2012-05-03 10:11:12"
    ),
    "an offset of 99 hours": Truth(
        jpeg(tiff(exif={**EXIF_MAY, OFFSET_ORIGINAL: "+99:00"})), DateSource.EXIF, "2012-05-03 10:11:12"
    ),
    "dashes": Truth(jpeg(tiff(exif={ORIGINAL: "2012-05-03 10:11:12"})), DateSource.EXIF, "2012-05-03 10:11:12"),
    "a leap second": Truth(jpeg(tiff(exif={ORIGINAL: "2012:06:30 23:59:60"})), DateSource.EXIF, "2012-06-30 23:59:59"),
    "a day": Truth(jpeg(tiff(exif={ORIGINAL: "2012:05:03"})), DateSource.EXIF, "2012-05-03 00:00:00"),
    "an old photo, scanned and dated": Truth(
        jpeg(tiff(exif={ORIGINAL: "1923:05:03 12:00:00", DIGITIZED: "2012:05:03 10:11:12"})), DateSource.EXIF,
        "1923-05-03 12:00:00",
    ),
    "1 January of a digital year": Truth(
        jpeg(tiff(exif={ORIGINAL: "2000:01:01 00:00:00"})), DateSource.EXIF, "2000-01-01 00:00:00"
    ),
    "tiff": Truth(tiff({MAKE: "NIKON"}, EXIF_MAY), DateSource.EXIF, "2012-05-03 10:11:12"),
    "webp": Truth(webp(tiff(exif=EXIF_MAY)), DateSource.EXIF, "2012-05-03 10:11:12"),
    "webp with the header of a jpeg": Truth(webp(b"Exif\0\0" + tiff(exif=EXIF_MAY)), DateSource.EXIF, "2012-05-03 10:11:12"),
    "heic": Truth(heic(tiff(exif=EXIF_MAY)), DateSource.EXIF, "2012-05-03 10:11:12"),
    "avif": Truth(heic(tiff(exif=EXIF_MAY), brand=b"avif"), DateSource.EXIF, "2012-05-03 10:11:12"),
    "heic that is a jpeg": Truth(jpeg(tiff(exif=EXIF_MAY)), DateSource.EXIF, "2012-05-03 10:11:12"),
    "cr3": Truth(cr3(tiff({MAKE: "Canon"}), tiff(EXIF_MAY)), DateSource.EXIF, "2012-05-03 10:11:12"),
    "raf": Truth(raf(jpeg(tiff(exif=EXIF_MAY))), DateSource.EXIF, "2012-05-03 10:11:12"),
    "EXIF before all others": Truth(
        jpeg(tiff(exif={**EXIF_MAY, DIGITIZED: "2020:01:02 03:04:05"}, gps=gps_tags("2019:01:01", 1, 2, 3)),
             xmp(photoshop_DateCreated="2015-01-02T03:04:05"), iptc("20160102")),
        DateSource.EXIF, "2012-05-03 10:11:12", beside={"sidecar": xmp(exif_DateTimeOriginal="2014-01-02T03:04:05")},
    ),
    # QuickTime
    "mov": Truth(
        film(keys(creationdate="2012-05-03T10:11:12+0200"), brand=b"qt  "), DateSource.QUICKTIME, "2012-05-03 10:11:12", 120
    ),
    "mov, late, and its header years later": Truth(
        film(film_header(seconds_1904(MAY + 160_000_000)), keys(creationdate="2012-05-03T10:11:12+0200"), late=True),
        DateSource.QUICKTIME, "2012-05-03 10:11:12", 120,
    ),
    "mov, west": Truth(
        film(keys(make="Apple", creationdate="2012-05-02T23:11:12-0900")), DateSource.QUICKTIME, "2012-05-02 23:11:12", -540
    ),
    "mov without offset": Truth(
        film(keys(creationdate="2012-05-03T10:11:12")), DateSource.QUICKTIME, "2012-05-03 10:11:12"
    ),
    # XMP beside it
    "sidecar": Truth(
        jpeg(), DateSource.SIDECAR, "2012-05-03 10:11:12", beside={"sidecar": xmp(exif_DateTimeOriginal="2012-05-03T10:11:12")}
    ),
    "sidecar with an offset": Truth(
        jpeg(), DateSource.SIDECAR, "2012-05-03 10:11:12.500000", 120,
        {"sidecar": xmp(photoshop_DateCreated="2012-05-03T10:11:12.5+02:00")},
    ),
    "sidecar with elements": Truth(
        jpeg(), DateSource.SIDECAR, "2012-05-03 10:11:12", beside={"sidecar": xmp_elements(exif_DateTimeOriginal="2012-05-03T10:11:12")}
    ),
    "sidecar before the packet inside": Truth(
        jpeg(xmp=xmp(photoshop_DateCreated="2015-01-02T03:04:05")), DateSource.SIDECAR, "2012-05-03 00:00:00",
        beside={"sidecar": xmp(xmp_CreateDate="2012-05-03")},
    ),
    # XMP inside
    "xmp": Truth(jpeg(xmp=xmp(photoshop_DateCreated="2012-05-03T10:11:12")), DateSource.XMP, "2012-05-03 10:11:12"),
    "xmp in a png": Truth(png(xmp=xmp(xmp_CreateDate="2012-05-03T10:11:12Z")), DateSource.XMP, "2012-05-03 10:11:12", 0),
    "xmp in a webp": Truth(webp(xmp=xmp_elements(xmp_CreateDate="2012-05-03T10:11:12")), DateSource.XMP, "2012-05-03 10:11:12"),
    "xmp in a tiff": Truth(
        tiff({0x2BC: xmp(photoshop_DateCreated="2012-05-03T10:11:12", xmp_CreateDate="2020-01-01T00:00:01")}),
        DateSource.XMP, "2012-05-03 10:11:12",
    ),
    # IPTC
    "iptc": Truth(jpeg(iptc=iptc("20120503", "101112")), DateSource.IPTC, "2012-05-03 10:11:12"),
    "iptc with an offset": Truth(jpeg(iptc=iptc("20120503", "101112+0200")), DateSource.IPTC, "2012-05-03 10:11:12", 120),
    "iptc, a day": Truth(jpeg(iptc=iptc("20120503")), DateSource.IPTC, "2012-05-03 00:00:00"),
    "iptc in a tiff": Truth(tiff({0x83BB: iptc("20120503", "101112")}), DateSource.IPTC, "2012-05-03 10:11:12"),
    # Takeout
    "takeout": Truth(jpeg(), DateSource.TAKEOUT, "2012-05-03 10:11:12", 120, {"takeout": takeout(MAY)}),
    "takeout of a png": Truth(PNG, DateSource.TAKEOUT, "2012-05-03 10:11:12", 120, {"takeout": takeout(MAY)}),
    "takeout before the digitized date": Truth(
        jpeg(tiff(exif={DIGITIZED: "2020:01:02 03:04:05"})), DateSource.TAKEOUT, "2012-05-03 10:11:12", 120, {"takeout": takeout(MAY)}
    ),
    "takeout before 1970": Truth(jpeg(), DateSource.TAKEOUT, "1969-12-31 02:00:00", 120, {"takeout": takeout(-86_400)}),
    # Digitized
    "digitized": Truth(jpeg(tiff(exif={DIGITIZED: "2012:05:03 10:11:12"})), DateSource.DIGITIZED, "2012-05-03 10:11:12"),
    "digitized with an offset": Truth(
        jpeg(tiff(exif={DIGITIZED: "2012:05:03 10:11:12", OFFSET_DIGITIZED: "+02:00"})), DateSource.DIGITIZED,
        "2012-05-03 10:11:12", 120,
    ),
    "digitized, the original blank": Truth(
        jpeg(tiff(exif={ORIGINAL: "    :  :     :  :  ", DIGITIZED: "2012:05:03 10:11:12"})), DateSource.DIGITIZED,
        "2012-05-03 10:11:12",
    ),
    "digitized, a scan in tiff": Truth(tiff({}, {DIGITIZED: "2012:05:03 10:11:12"}), DateSource.DIGITIZED, "2012-05-03 10:11:12"),
    # PNG
    "png": Truth(png(tiff(exif=EXIF_MAY)), DateSource.PNG, "2012-05-03 10:11:12"),
    "png, said behind its pixels": Truth(png(tiff(exif=EXIF_MAY), late=True), DateSource.PNG, "2012-05-03 10:11:12"),
    "png, as in mails": Truth(png(created="Thu, 03 May 2012 10:11:12 +0200"), DateSource.PNG, "2012-05-03 10:11:12", 120),
    "png, as in EXIF": Truth(png(created="2012:05:03 10:11:12"), DateSource.PNG, "2012-05-03 10:11:12"),
    # The header of films
    "mp4": Truth(film(film_header(seconds_1904(MAY))), DateSource.FILM, "2012-05-03 10:11:12", 120),
    "mp4 of 64 bits": Truth(film(film_header(seconds_1904(MAY), version=1)), DateSource.FILM, "2012-05-03 10:11:12", 120),
    "mp4, its header behind 64-bit pictures": Truth(
        film(brand=b"isom")[:20] + large_box(b"mdat", bytes(200_000)) + film(film_header(seconds_1904(MAY)))[20:],
        DateSource.FILM, "2012-05-03 10:11:12", 120,
    ),
    "mp4 of a camera that counts from 1970": Truth(
        film(film_header(MAY)), DateSource.FILM, "2012-05-03 10:11:12", 120
    ),
    "3gp": Truth(film(film_header(seconds_1904(MAY)), brand=b"3gp4"), DateSource.FILM, "2012-05-03 10:11:12", 120),
    # Matroska
    "mkv": Truth(matroska((MAY - 978_307_200) * 10**9), DateSource.MATROSKA, "2012-05-03 10:11:12", 120),
    "mkv with a fraction": Truth(
        matroska((MAY - 978_307_200) * 10**9 + 500_000_000), DateSource.MATROSKA, "2012-05-03 10:11:12.500000", 120
    ),
    "mkv before 2001": Truth(matroska(-86_400 * 10**9), DateSource.MATROSKA, "2000-12-31 02:00:00", 120),
    "mkv, long": Truth(matroska((MAY - 978_307_200) * 10**9, 7200.0), DateSource.MATROSKA, "2012-05-03 10:11:12", 120),
    # GPS
    "gps": Truth(jpeg(tiff(gps=gps_tags("2012:05:03", 8, 11, 12))), DateSource.GPS, "2012-05-03 10:11:12", 120),
    "gps in a heic": Truth(heic(tiff(gps=gps_tags("2012:05:03", 8, 11, 12))), DateSource.GPS, "2012-05-03 10:11:12", 120),
    "gps, the next day": Truth(jpeg(tiff(gps=gps_tags("2012:05:03", 23, 11, 12))), DateSource.GPS, "2012-05-04 01:11:12", 120),
    "gps in a tiff": Truth(tiff({}, {}, gps_tags("2012:05:03", 8, 11, 12)), DateSource.GPS, "2012-05-03 10:11:12", 120),
}  # fmt: skip

NONE: dict[str, bytes] = {
    "no EXIF": jpeg(),
    "only the date of the last change": jpeg(tiff({CHANGED: "2012:05:03 10:11:12"})),
    "no picture": BINARY["pdf"],
    "a zip": BINARY["zip"],
    "empty": b"",
    "a film without a header": film(),
    "EXIF cut off": jpeg(tiff(exif=EXIF_MAY)[:40]),
    "EXIF that points behind the file": jpeg(b"II*\0\xff\xff\xff\x7f"),
    "an item whose place is computed": heic(tiff(exif=EXIF_MAY), method=1),
    "gps without a day": jpeg(tiff(gps={GPS_TIME: [(8, 1), (1, 1), (1, 1)]})),
    "gps with a zero below": jpeg(tiff(gps={GPS_DATE: "2012:05:03", GPS_TIME: [(99, 1), (1, 0), (1, 0)]})),
}

REFUSED: dict[str, tuple[bytes, DateFault]] = {
    "zeros": (jpeg(tiff(exif={ORIGINAL: "0000:00:00 00:00:00"})), DateFault.UNSET),
    "blanks": (jpeg(tiff(exif={ORIGINAL: "    :  :     :  :  "})), DateFault.UNSET),
    "year 0": (jpeg(tiff(exif={ORIGINAL: "0000:05:03 10:11:12"})), DateFault.UNSET),
    "no date": (jpeg(tiff(exif={ORIGINAL: "yesterday"})), DateFault.NO_DATE),
    "30 February": (jpeg(tiff(exif={ORIGINAL: "2012:02:30 10:11:12"})), DateFault.NO_SUCH_DAY),
    "25 o'clock": (jpeg(tiff(exif={ORIGINAL: "2012:02:03 25:11:12"})), DateFault.NO_SUCH_DAY),
    "1838": (jpeg(tiff(exif={ORIGINAL: "1838:05:03 10:11:12"})), DateFault.TOO_OLD),
    "the future": (jpeg(tiff(exif={ORIGINAL: "2098:01:01 10:11:12"})), DateFault.FUTURE),
    "1970": (jpeg(tiff(exif={ORIGINAL: "1970:01:01 00:00:00"})), DateFault.DEFAULT),
    "1980": (jpeg(tiff(exif={ORIGINAL: "1980:01:01 00:00:00"})), DateFault.DEFAULT),
    "the last leap second of the calendar": (
        jpeg(tiff(gps={GPS_DATE: "9999:12:31", GPS_TIME: [(23, 1), (59, 1), (605, 10)]})),
        DateFault.NO_SUCH_DAY,
    ),
    "1904": (film(film_header(0)), DateFault.DEFAULT),
    "1904, and a film of seconds": (film(film_header(7)), DateFault.DEFAULT),
    "a new year before there were JPEGs": (jpeg(tiff(exif={ORIGINAL: "1985:01:01 00:00:00"})), DateFault.BEFORE_FORMAT),
    "a new year before there were HEICs": (heic(tiff(exif={ORIGINAL: "2010:01:01 00:00:00"})), DateFault.BEFORE_FORMAT),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_the_date_of_a_file(name: str) -> None:
    truth = TRUTHS[name]
    found = taken(truth.content, **truth.beside)
    assert found is not None
    assert (found.source, str(found.moment.wall), found.moment.offset) == (truth.source, truth.wall, truth.offset)
    assert found.moment.is_day == (("day" in name and "next" not in name) or name == "sidecar before the packet inside")


@pytest.mark.parametrize("name", NONE)
def test_a_file_without_a_date(name: str) -> None:
    assert taken_date(read_media(BytesContent(NONE[name])), CHOICE) == (None, [])


@pytest.mark.parametrize("name", REFUSED)
def test_a_date_that_is_not_believed_is_named(name: str) -> None:
    content, why = REFUSED[name]
    found, refused = taken_date(read_media(BytesContent(content)), CHOICE)
    assert found is None
    assert [each.why for each in refused] == [why]


def test_each_source_has_four_files() -> None:
    for source in set(DateSource) - {DateSource.EXIFTOOL}:
        assert sum(truth.source is source for truth in TRUTHS.values()) >= 4, source
    assert len(TRUTHS) + len(NONE) + len(REFUSED) >= 60


def test_the_next_source_counts_if_one_is_refused() -> None:
    content = jpeg(tiff(exif={ORIGINAL: "2098:01:01 10:11:12", DIGITIZED: "2012:05:03 10:11:12"}))
    found, refused = taken_date(read_media(BytesContent(content)), CHOICE)
    assert found is not None
    assert found.source is DateSource.DIGITIZED
    assert [(each.source, each.text, each.why) for each in refused] == [
        (DateSource.EXIF, "2098:01:01 10:11:12", DateFault.FUTURE)
    ]


def test_camera_size_and_duration() -> None:
    photo = read_media(BytesContent(jpeg(tiff({MAKE: "Canon", MODEL: "Canon EOS R6"}, EXIF_MAY))))
    assert (photo.camera, photo.width, photo.height) == ("Canon EOS R6", 4000, 3000)
    assert (
        read_media(BytesContent(jpeg(tiff({MAKE: "NIKON CORPORATION", MODEL: "D750"})))).camera
        == "NIKON CORPORATION D750"
    )
    clip = read_media(
        BytesContent(
            film(film_header(seconds_1904(MAY), 61_500), track(0, 0), track(1920, 1080), keys(model="iPhone 6"))
        )
    )
    assert (clip.camera, clip.width, clip.height, clip.duration_ms) == ("iPhone 6", 1920, 1080, 61_500)
    assert read_media(BytesContent(matroska(0, 90.0))).duration_ms == 90_000
    picture = read_media(BytesContent(heic(tiff(exif=EXIF_MAY))))
    assert (picture.width, picture.height) == (4032, 3024)
    assert (read_media(BytesContent(webp())).width, read_media(BytesContent(png())).height) == (1920, 480)
    film_of_disk = read_media(BytesContent(matroska(0, size=(1280, 720))))
    assert (film_of_disk.width, film_of_disk.height) == (1280, 720)
    assert read_media(BytesContent(film(film_header(0, 0xFFFFFFFF)))).duration_ms == 0  # not known


@pytest.mark.parametrize("kind", [b"VP8 ", b"VP8L"])
def test_the_size_of_a_webp_without_a_header_for_several_pictures(kind: bytes) -> None:
    picture = read_media(BytesContent(plain_webp(kind, 320, 201)))
    assert (picture.width, picture.height) == (320, 201)


def test_a_film_with_a_scale_beyond_all_numbers_has_its_date() -> None:
    facts = read_media(BytesContent(matroska(0, 5.0, scale=b"\xff" * 200)))
    assert facts.duration_ms == 0
    assert [each.source for each in facts.dates] == [DateSource.MATROSKA]


# UTC to the wall clock ----------------------------------------------------------------------------------------------


def film_facts(camera: str = "") -> MediaFacts:
    facts = read_media(BytesContent(film(film_header(seconds_1904(MAY)))))
    facts.camera = camera
    return facts


def test_a_still_beside_it_gives_the_offset() -> None:
    still = read_media(BytesContent(jpeg(tiff(exif={ORIGINAL: "2012:05:03 17:05:00", OFFSET_ORIGINAL: "+09:00"}))))
    offset = offset_of(still, CHOICE)
    assert offset == Offset(datetime(2012, 5, 3, 17, 5), 540)
    found, _ = taken_date(film_facts(), CHOICE, offsets=[offset])
    assert found == TakenDate(
        MediaMoment(datetime(2012, 5, 3, 17, 11, 12), offset=540), DateSource.FILM, ZoneSource.NEIGHBOUR
    )
    far = offset._replace(wall=offset.wall + timedelta(hours=13))
    found, _ = taken_date(film_facts(), CHOICE, offsets=[far])
    assert found is not None
    assert found.zone is ZoneSource.ZONE


@given(
    st.lists(st.integers(-3_000, 3_000), max_size=8), st.lists(st.sampled_from([-60, 0, 120]), min_size=8, max_size=8)
)
def test_the_nearest_still_gives_the_offset(minutes_apart: list[int], offsets: list[int]) -> None:
    at = datetime(2012, 5, 3, 8, 11, 12)
    stills = [
        Offset(at + timedelta(minutes=apart + offset), offset)
        for apart, offset in zip(minutes_apart, offsets, strict=False)
    ]
    found, _ = taken_date(film_facts(), CHOICE, offsets=sorted(stills, key=lambda each: each.utc))
    assert found is not None
    nearest = min((abs(apart) for apart in minutes_apart), default=10_000)
    wanted = {each.minutes for each in stills if abs(each.utc - at) == timedelta(minutes=nearest)}
    assert found.moment.offset in (wanted if nearest <= 12 * 60 else {120})
    assert (found.zone is ZoneSource.NEIGHBOUR) == (nearest <= 12 * 60)


def test_thousands_of_films_beside_thousands_of_stills_take_no_time() -> None:
    stills = [Offset(datetime(2012, 1, 1) + timedelta(minutes=number), 60) for number in range(50_000)]
    facts, started = film_facts(), time.process_time()
    for _ in range(2_000):
        taken_date(facts, CHOICE, offsets=stills)
    assert time.process_time() - started < 1


def test_gps_and_wall_clock_give_the_offset() -> None:
    exif = tiff(exif={ORIGINAL: "2012:05:03 13:56:12"}, gps=gps_tags("2012:05:03", 8, 11, 0))
    assert offset_of(read_media(BytesContent(jpeg(exif))), CHOICE) == Offset(datetime(2012, 5, 3, 13, 56, 12), 345)
    exif = tiff(exif={ORIGINAL: "2012:05:03 13:48:12"}, gps=gps_tags("2012:05:03", 8, 11, 0))
    assert offset_of(read_media(BytesContent(jpeg(exif))), CHOICE) is None


def test_the_name_gives_the_wall_clock_if_it_is_quarters_away() -> None:
    named = date_in_name("VID_20120503_171112.mp4", NOW)
    found, _ = taken_date(film_facts(), CHOICE, named=named)
    assert found == TakenDate(
        MediaMoment(datetime(2012, 5, 3, 17, 11, 12), offset=540), DateSource.FILM, ZoneSource.NAME
    )
    found, _ = taken_date(film_facts(), CHOICE, named=date_in_name("VID_20120503_170712.mp4", NOW))
    assert found is not None
    assert found.zone is ZoneSource.ZONE
    found, _ = taken_date(film_facts(), CHOICE, named=date_in_name("PXL_20120503_081112.mp4", NOW))
    assert found is not None
    assert found.zone is ZoneSource.ZONE


def test_the_name_wins_over_a_still_beside_it() -> None:
    """A film says its local time itself; that of a still may be of the place before a flight."""
    before_the_flight = Offset(datetime(2012, 5, 3, 2), 120)
    named = date_in_name("VID_20120503_171112.mp4", NOW)
    found, _ = taken_date(film_facts(), CHOICE, named=named, offsets=[before_the_flight])
    assert found is not None
    assert (found.zone, found.moment.offset) == (ZoneSource.NAME, 540)
    in_utc = date_in_name("VID_20120503_081112.mp4", NOW)
    found, _ = taken_date(film_facts(), CHOICE, named=in_utc, offsets=[before_the_flight])
    assert found is not None
    assert (found.zone, found.moment.offset) == (ZoneSource.NEIGHBOUR, 120)


def test_a_film_of_sony_has_its_offset() -> None:
    xml = (
        b'<NonRealTimeMeta xmlns="urn:schemas-professionalDisc:nonRealTimeMeta:ver.2.00"><CreationDate'
        b' value="2012-05-03T17:11:12+09:00"/><Device manufacturer="Sony" modelName="ILCE-7M3"/></NonRealTimeMeta>'
    )
    content = film(film_header(seconds_1904(MAY))) + box(b"meta", bytes(4), box(b"xml ", bytes(4), xml))
    facts = read_media(BytesContent(content))
    assert taken_date(facts, CHOICE)[0] == TakenDate(
        MediaMoment(datetime(2012, 5, 3, 17, 11, 12), offset=540), DateSource.QUICKTIME
    )
    assert facts.camera == "Sony ILCE-7M3"


def test_some_cameras_write_local_time() -> None:
    choice = CHOICE._replace(local_video=["nikon*"])
    found, _ = taken_date(film_facts("NIKON D750"), choice)
    assert found == TakenDate(MediaMoment(datetime(2012, 5, 3, 8, 11, 12)), DateSource.FILM, ZoneSource.CAMERA)
    found, _ = taken_date(film_facts("Canon EOS R6"), choice)
    assert found is not None
    assert found.zone is ZoneSource.ZONE


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wall", "is_day", "is_utc"),
    [
        ("IMG_20240115_101112.jpg", "2024-01-15 10:11:12", False, False),
        ("IMG_20240115_101112345.jpg", "2024-01-15 10:11:12.345000", False, False),
        ("VID_20240115_101112_1.mp4", "2024-01-15 10:11:12", False, False),
        ("PXL_20240115_101112345.MP.jpg", "2024-01-15 10:11:12.345000", False, True),
        ("IMG-20240115-WA0001.jpg", "2024-01-15 00:00:00", True, False),
        ("WhatsApp Image 2024-01-15 at 10.11.12.jpeg", "2024-01-15 10:11:12", False, False),
        ("Screenshot_20240115-101112.png", "2024-01-15 10:11:12", False, False),
        ("Screenshot 2024-01-15 at 10.11.12.png", "2024-01-15 10:11:12", False, False),
        ("Screenshot_2024-01-15-10-11-12-345_com.app.jpg", "2024-01-15 10:11:12", False, False),
        ("Bildschirmfoto 2024-01-15 um 10.11.12.png", "2024-01-15 10:11:12", False, False),
        ("Screenshot 2024-01-15 at 11.11.12 PM.png", "2024-01-15 23:11:12", False, False),
        ("Screenshot 2024-01-15 at 3.11.12\u202fPM.png", "2024-01-15 15:11:12", False, False),
        ("Screen Shot 2024-01-15 at 12.00.12 AM.png", "2024-01-15 00:00:12", False, False),
        ("WhatsApp Image 2024-01-15 at 12.11.12 PM.jpeg", "2024-01-15 12:11:12", False, False),
        ("Clipboard 2024-01-15 9.05 am.txt", "2024-01-15 09:05:00", False, False),
        ("Screenshot 2024-01-15 at 10.11.12 pmap.png", "2024-01-15 10:11:12", False, False),
        ("Capture d\u2019écran 2024-01-15 à 10.11.12.png", "2024-01-15 10:11:12", False, False),
        ("Captura de pantalla 2024-01-15 a las 10.11.12.png", "2024-01-15 10:11:12", False, False),
        ("Schermata 2024-01-15 alle 10.11.12.png", "2024-01-15 10:11:12", False, False),
        ("Skärmavbild 2024-01-15 kl. 10.11.12.png", "2024-01-15 10:11:12", False, False),
        ("Schermafbeelding 2024-01-15 om 10.11.12.png", "2024-01-15 10:11:12", False, False),
        ("2024-01-15_2024-02-20 trip.zip", "2024-01-15 00:00:00", True, False),
        ("IMG_20240115_20240220.jpg", "2024-01-15 00:00:00", True, False),
        ("IMG_20240115_201145.jpg", "2024-01-15 20:11:45", False, False),
        ("signal-2024-01-15-101112.jpg", "2024-01-15 10:11:12", False, False),
        ("signal-2024-01-15-10-11-12-345.jpg", "2024-01-15 10:11:12", False, False),
        ("00000IMG_00000_BURST20240115101112345_COVER.jpg", "2024-01-15 10:11:12", False, False),
        ("20240115_101112.jpg", "2024-01-15 10:11:12", False, False),
        ("2024-01-15 holiday.jpg", "2024-01-15 00:00:00", True, False),
        ("holiday 2024_01_15.jpg", "2024-01-15 00:00:00", True, False),
        ("scan.2024.01.15.pdf", "2024-01-15 00:00:00", True, False),
        ("FB_IMG_1705313472000.jpg", "2024-01-15 10:11:12", False, True),
        ("1705313472000.jpg", "2024-01-15 10:11:12", False, True),
    ],
)
def test_a_date_in_a_name(name: str, wall: str, is_day: bool, is_utc: bool) -> None:
    found = date_in_name(name, NOW)
    assert found is not None
    assert (str(found.wall), found.is_day, found.is_utc) == (wall, is_day, is_utc)


@pytest.mark.parametrize(
    "name",
    [
        "invoice 20240115.pdf", "20240115.pdf", "4920240115.jpg", "2024-01.15.jpg", "2024-13-01.jpg", "2023-02-29.jpg",
        "1989-01-15.jpg", "2098-01-15.jpg", "DSC_0001.jpg", "v2024.1.15.zip", "12024-01-15.jpg", "2024-01-151.jpg",
        "order 20240115101112.pdf", "9705313472000.jpg", "17053134720001.jpg", "", "IMG_20240230_101112.jpg",
    ],
)  # fmt: skip
def test_no_date_in_a_name(name: str) -> None:
    assert date_in_name(name, NOW) is None


# Properties -----------------------------------------------------------------------------------------------------------


@given(st.datetimes(), st.sampled_from([0, 1992, 1998, 2015]))
def test_what_is_believed_is_plausible(wall: datetime, year: int) -> None:
    why = refusal_of(MediaMoment(wall), NOW, year)
    is_round = (wall.month, wall.day, wall.hour, wall.minute, wall.second) == (1, 1, 0, 0, 0)
    if why is None:
        assert wall.year > 1839
        assert wall <= NOW + timedelta(days=2)
        assert wall not in {datetime(1970, 1, 1), datetime(1980, 1, 1)}
        assert (wall.year, wall.month, wall.day) != (1904, 1, 1)
        assert not (is_round and wall.year < year)
    else:
        assert (
            wall.year <= 1839
            or wall > NOW + timedelta(days=2)
            or is_round
            or (wall.year, wall.month, wall.day) == (1904, 1, 1)
        )


@given(st.datetimes(datetime(1990, 1, 2), NOW), st.sampled_from(["-", "_", "."]))
def test_a_date_that_was_written_is_read(wall: datetime, between: str) -> None:
    wall = wall.replace(microsecond=0)
    text = wall.strftime(f"%Y{between}%m{between}%d %H.%M.%S")
    assert date_in_name(f"photo {text}.jpg", NOW) == MediaMoment(wall)
    content = jpeg(tiff(exif={ORIGINAL: wall.strftime("%Y:%m:%d %H:%M:%S")}))
    if not refusal_of(MediaMoment(wall), NOW, 1992):
        found = taken(content)
        assert found is not None
        assert found.moment == MediaMoment(wall)


@given(st.text(max_size=60))
def test_no_name_causes_an_error(name: str) -> None:
    found = date_in_name(name, NOW)
    assert found is None or 1990 <= found.wall.year <= 2026


def places_of_nothing() -> bytes:
    """Return a picture in boxes whose 4,000 items have 65,535 places each, none of which takes a byte."""
    exif = box(b"infe", b"\2\0\0\0", struct.pack(">2H4s", 1, 0, b"Exif"))
    items = struct.pack(">3H", 1, 0, 0xFFFF) * 4_000
    places = box(b"iloc", bytes(6), struct.pack(">H", 4_000), items)
    return box(b"ftyp", b"heic", bytes(4), b"mif1") + box(
        b"meta", bytes(4), box(b"iinf", bytes(4), b"\0\1", exif), places
    )


def thousand_headers(film: bytes = b"") -> bytes:
    """Return a picture in boxes of which 1,900 items are one EXIF with 200 entries, behind a film."""
    numbers = range(1, 1_901)
    infos = b"".join(box(b"infe", b"\2\0\0\0", struct.pack(">2H4s", each, 0, b"Exif")) for each in numbers)
    info = box(b"iinf", bytes(4), struct.pack(">H", len(numbers)), infos)
    loop = struct.pack("<2H2L", 0x8769, 4, 1, 8) + struct.pack("<2H2L", 0x8825, 4, 1, 8)
    exif = b"II*\0\x08\0\0\0\xc8\0" + struct.pack("<2H2L", 0x1234, 2, 900, 8) * 198 + loop

    def before(at: int) -> bytes:
        items = b"".join(struct.pack(">3H2L", each, 0, 1, at, 8_000) for each in numbers)
        places = box(b"iloc", bytes(4), b"\x44\0", struct.pack(">H", len(numbers)), items)
        return box(b"ftyp", b"heic", bytes(4), b"mif1") + film + box(b"meta", bytes(4), info, places)

    return before(len(before(0))) + bytes(4) + exif


def thousand_headers_behind_eight() -> bytes:
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    return thousand_headers(box(b"moov", box(b"uuid", canon, box(b"CMT1") * 8)))


SLOW: dict[str, Callable[[], bytes]] = {
    "blanks behind the name of a date": lambda: jpeg(xmp=b"xmp:CreateDate>" + b" " * 65_000),
    "places that take no byte": places_of_nothing,
    "a thousand headers": thousand_headers,
    "a thousand headers behind eight": thousand_headers_behind_eight,
    "a thousand tracks": lambda: matroska(0)[:-24] + b"\xae\x80" * 30_000,
}


@pytest.mark.parametrize("name", SLOW)
def test_a_file_that_is_made_to_take_long_takes_no_time(name: str) -> None:
    content = BytesContent(SLOW[name]())
    started = time.process_time()
    taken_date(read_media(content), CHOICE)
    assert time.process_time() - started < 0.1


def test_damaged_pictures_cause_no_error_and_take_no_time() -> None:
    """A small part of what `python -m benchmarks.file_types --fuzz 100000` tries."""
    files = [truth.content for truth in TRUTHS.values()]
    chance, slowest = random.Random(20), 0.0
    for _ in range(2_000):
        content = bytearray(chance.choice(files)[:4_000])
        for _ in range(chance.randrange(1, 8)):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        started = time.process_time()
        facts = read_media(BytesContent(bytes(content[: chance.randrange(len(content) + 1)])))
        taken_date(facts, CHOICE)
        slowest = max(slowest, time.process_time() - started)
    assert slowest < 0.1
