"""Frames of real videos, drawn here: the right ones, upright, in any order, and in one split."""

import csv
import io
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray
from PIL import Image

from negbuild.errors import UsageError
from negbuild.model import Candidate, Search
from negbuild.source import Web, find_source

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
Pixels = NDArray[np.uint8]

VIDEO = find_source("video")
SIZE = (80, 64)


@pytest.fixture
def named(deaf: Web) -> Callable[..., list[Candidate]]:
    """Name the frames of a path: `named(path, every="0.5")`."""

    def name(path: Path, **options: str) -> list[Candidate]:
        VIDEO.check(Search(path=path, options=options))
        return list(VIDEO.search(Search(path=path, options=options), deaf))

    return name


Named = Callable[..., list[Candidate]]


def read(candidate: Candidate, max_bytes: int = 10**9) -> bytes:
    assert VIDEO.read is not None
    return VIDEO.read(candidate, max_bytes)


def pixels(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.format == "JPEG"
        return np.asarray(opened.convert("RGB"))


@pytest.fixture
def photos(photo: Photo) -> Callable[[int], list[Pixels]]:
    """Make pictures to draw a video of."""
    return lambda number: [pixels(photo(seed, SIZE)) for seed in range(number)]


Photos = Callable[[int], list[Pixels]]


def draw(
    path: Path,
    frames: Sequence[Pixels],
    codec: str = "libx264",
    rate: int = 25,
    times: Sequence[int] = (),
    **more: Any,  # noqa: ANN401  pix_fmt, gop, muxer, encoder, pixel
) -> Path:
    """Write a video of these frames, at so many a second, or each at its own time in milliseconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=more.get("muxer", {})) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=more.get("encoder", {}))
        stream.height, stream.width, _ = frames[0].shape
        stream.pix_fmt = more.get("pix_fmt", "yuv420p")
        stream.codec_context.gop_size = more.get("gop", 40)
        stream.codec_context.sample_aspect_ratio = more.get("pixel", Fraction(1))
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, drawn in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            if times:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def nearest(picture: Pixels, among: Sequence[Pixels]) -> int:
    """Which picture this is, as it was before it was compressed."""
    return int(np.argmin([np.abs(picture.astype(int) - one.astype(int)).mean() for one in among]))


FORMATS: dict[str, dict[str, Any]] = {
    "a.mp4": {},
    "fragments.mp4": {"muxer": {"movflags": "frag_keyframe+empty_moov"}},
    "open_groups.mp4": {"encoder": {"x264-params": "open-gop=1:bframes=3:keyint=40"}},
    "a.mkv": {},
    "live.mkv": {"muxer": {"live": "1"}},
    "a.webm": {"codec": "libvpx-vp9"},
    "live.webm": {"codec": "libvpx-vp9", "muxer": {"live": "1"}},
    "a.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "a.avi": {"codec": "mpeg4"},
    "a.ts": {},
    "mpeg4.ts": {"codec": "mpeg4"},
    "a.mpg": {"codec": "mpeg2video", "encoder": {"b": "2000000", "bf": "2"}},
    "a.flv": {"codec": "flv"},
    "a.wmv": {"codec": "wmv2", "encoder": {"b": "2000000"}},
    "a.gif": {"codec": "gif", "pix_fmt": "rgb8"},
}
every_format = pytest.mark.parametrize("name", FORMATS)


# --- which frames


@every_format
def test_a_frame_is_the_one_that_is_seen_then_in_whatever_order_it_is_read(
    tmp_path: Path, named: Named, photos: Photos, name: str
) -> None:
    """Each photograph is seen for half a second; 15 seconds are more than is decoded without seeking."""
    seen = photos(32)
    path = draw(tmp_path / name, [one for one in seen for _ in range(12)], **FORMATS[name])
    found = named(path, every="0.48", start="0.24")
    forward = [read(one) for one in found]
    # Of MPEG program streams the length is not stated but estimated, and the last photograph may fall out of it.
    assert len(found) == 32 or (name, len(found)) == ("a.mpg", 31)
    assert [nearest(pixels(one), seen) for one in forward] == list(range(len(found)))
    mixed = list(enumerate(found))
    random.Random(name).shuffle(mixed)
    assert all(read(one) == forward[number] for number, one in mixed)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(read, found)) == forward


def test_a_frame_stays_until_the_next_one_however_long_that_is(tmp_path: Path, named: Named, photos: Photos) -> None:
    """Recordings of screens and phones have no fixed rate."""
    seen = photos(6)
    path = draw(tmp_path / "a.mkv", seen, rate=30, times=[0, 40, 1500, 13_000, 13_030, 14_000])
    found = named(path, every="1.5")
    assert [nearest(pixels(read(one)), seen) for one in found] == [0, *[2] * 8, 4]
    assert nearest(pixels(read(found[1])), seen) == 2  # and back again


def test_a_video_is_opened_once_however_many_frames_are_read(
    tmp_path: Path, named: Named, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = named(draw(tmp_path / "a.mp4", [one for one in photos(32) for _ in range(8)], rate=8), every="1")
    opened = []

    def counting(*given: Any, **more: Any) -> Any:  # noqa: ANN401
        opened.append(given)
        return really(*given, **more)

    really = av.open
    monkeypatch.setattr(av, "open", counting)
    assert len({read(one) for one in [*found, *reversed(found)]}) == 32
    assert len(opened) == 2  # once more for going back to its beginning


def test_a_frame_far_away_is_sought(tmp_path: Path, named: Named, photos: Photos) -> None:
    path = draw(tmp_path / "a.mp4", [one for one in photos(20) for _ in range(150)], gop=50)
    found = named(path, every="5")

    def seconds(some: list[Candidate]) -> float:
        start = time.perf_counter()
        assert all(map(read, some))
        return time.perf_counter() - start

    assert seconds([found[0], found[-1]] * 5) < seconds(found)


def test_scenes_are_where_the_picture_changes(tmp_path: Path, named: Named, photos: Photos) -> None:
    """Cuts at 0:02, 0:04 and so on; between them it only flickers."""
    seen = photos(5)
    flicker = [np.clip(one.astype(int) + step, 0, 255).astype(np.uint8) for one in seen for step in (0, 6, 3, -6) * 5]
    path = draw(tmp_path / "a.mp4", flicker, rate=10)
    found = named(path, pick="scenes")
    assert [one.title for one in found] == [f"a.mp4 at 0:0{second}" for second in (0, 2, 4, 6, 8)]
    assert [nearest(pixels(read(one)), seen) for one in found] == list(range(5))
    assert [one.title[-4:] for one in named(path, pick="scenes", every="3")] == ["0:00", "0:03", "0:06", "0:09"]
    assert [one.title[-4:] for one in named(path, pick="scenes", start="3", end="0:08")] == ["0:03", "0:04", "0:06"]
    assert named(path, pick="scenes") == found


def test_frames_are_named_by_video_and_time(tmp_path: Path, named: Named, photos: Photos, deaf: Any) -> None:  # noqa: ANN401
    path = draw(tmp_path / "my clips" / "C 1.mp4", photos(3), rate=1, times=[0, 700_000, 4_000_000])
    found = named(path, start="59", every="3000.5")
    assert [one.title for one in found] == ["C 1.mp4 at 0:59", "C 1.mp4 at 50:59.5"]
    assert named(path, start="1:06:00")[0].title == "C 1.mp4 at 1:06:00"
    assert {(one.source, one.url, one.page, one.category) for one in found} == {("video", path.as_uri(), "", "C 1")}
    assert [one.source_id for one in found] == [
        f"{path.as_uri()}@{path.stat().st_mtime_ns}/{at}" for at in (59_000, 3_059_500)
    ]
    assert {(one.width, one.height) for one in found} == {SIZE}
    assert deaf.asked == []


def test_a_video_that_was_edited_is_another_one(tmp_path: Path, named: Named, photos: Photos) -> None:
    seen = photos(8)
    (before,) = named(draw(tmp_path / "a.mkv", seen[:4], rate=4))
    assert nearest(pixels(read(before)), seen) == 0
    draw(tmp_path / "a.mkv", seen[4:], rate=4)
    os.utime(tmp_path / "a.mkv", (10**9, 10**9))
    (after,) = named(tmp_path / "a.mkv")
    assert after.source_id != before.source_id
    assert nearest(pixels(read(after)), seen) == 4


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"every": "often"}, "source video: every=often: needs seconds, such as 0.5 or 90 or 1:30"),
        ({"every": "-1"}, "source video: every=-1: needs seconds, such as 0.5 or 90 or 1:30"),
        ({"start": "1:2:3:4"}, "source video: start=1:2:3:4: needs seconds, such as 0.5 or 90 or 1:30"),
        ({"every": "0"}, "source video: no frame fits; every must be above 0, and start before end"),
        ({"every": "0.0004"}, "source video: no frame fits; every must be above 0, and start before end"),
        ({"start": "9", "end": "9"}, "source video: no frame fits; every must be above 0, and start before end"),
        ({"pick": "best"}, "source video: pick=best: choose from spaced, scenes"),
        ({"fps": "1"}, "source video: no option fps; it has every, pick, start, end"),
    ],
)
def test_options_that_mean_nothing_are_told(tmp_path: Path, named: Named, options: dict[str, str], fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        named(tmp_path, **options)
    assert str(caught.value) == fault


# --- upright


def turned_box(path: Path, matrix: Sequence[int]) -> None:
    """Write a, b, c, d into the matrix of the track header, as a phone does (ISO 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    for place, value in zip((0, 4, 12, 16), matrix, strict=True):
        data[start + place : start + place + 4] = (value * 2**16).to_bytes(4, "big", signed=True)
    path.write_bytes(data)


def turned_by_definition(picture: Pixels, matrix: Sequence[int]) -> Pixels:
    """Put each pixel (x, y) at (ax + cy, bx + dy), moved so that the picture begins at 0."""
    a, b, c, d = matrix
    y, x = np.indices(picture.shape[:2])
    right, down = a * x + c * y, b * x + d * y
    right, down = right - right.min(), down - down.min()
    turned = np.zeros((down.max() + 1, right.max() + 1, 3), np.uint8)
    turned[down, right] = picture
    return turned


@pytest.mark.parametrize(
    "matrix",
    [
        *[(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)],
        *[(-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)],
    ],
)
def test_a_frame_is_turned_as_the_phone_was_held(
    tmp_path: Path, named: Named, photos: Photos, matrix: Sequence[int]
) -> None:
    (seen,) = photos(1)
    path = draw(tmp_path / "a.mp4", [seen])
    turned_box(path, matrix)
    got = pixels(read(named(path)[0]))
    expected = turned_by_definition(seen, matrix)
    assert got.shape == expected.shape
    assert np.abs(got.astype(int) - expected.astype(int)).mean() < 12


@pytest.mark.parametrize(
    ("pixel", "size"), [(Fraction(2), (160, 64)), (Fraction(1, 2), (40, 64)), (Fraction(16), (320, 64))]
)
def test_pixels_are_square(
    tmp_path: Path, named: Named, photos: Photos, pixel: Fraction, size: tuple[int, int]
) -> None:
    """A television's are not; and no file is believed that asks for the absurd."""
    (seen,) = photos(1)
    got = Image.open(io.BytesIO(read(named(draw(tmp_path / "a.mkv", [seen], pixel=pixel))[0])))
    assert got.size == size


def test_no_more_bytes_are_given_than_asked_for(tmp_path: Path, named: Named, photos: Photos) -> None:
    (one,) = named(draw(tmp_path / "a.mp4", photos(1)))
    assert read(one, 1000) == read(one)[:1001]


# --- a folder of them


def test_videos_of_a_folder_come_in_turn(tmp_path: Path, named: Named, photos: Photos) -> None:
    drawn = draw(tmp_path / "drawn.mp4", photos(3), rate=1)
    for name in ("clips/b/long.mp4", "clips/a.MP4", "clips/.hidden.mp4", "clips/.git/x.mp4", "clips/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(drawn, tmp_path / name)
    draw(tmp_path / "clips/b/short.mp4", photos(1), rate=1)
    (tmp_path / "clips" / "loop").symlink_to(tmp_path / "clips")
    found = named(tmp_path / "clips")
    assert [(one.title, one.category) for one in found] == [
        ("a.MP4 at 0:00", "clips"),
        ("long.mp4 at 0:00", "b"),
        ("short.mp4 at 0:00", "b"),
        ("a.MP4 at 0:01", "clips"),
        ("long.mp4 at 0:01", "b"),
        ("a.MP4 at 0:02", "clips"),
        ("long.mp4 at 0:02", "b"),
    ]


def test_more_videos_than_are_kept_open_are_read_all_the_same(tmp_path: Path, named: Named, photos: Photos) -> None:
    seen = photos(24)
    for number in range(12):
        draw(tmp_path / "clips" / f"{number:02}.mp4", seen[2 * number : 2 * number + 2], rate=1)
    found = named(tmp_path / "clips")
    assert [one.title[:2] for one in found[:9]] == ["00", "01", "02", "03", "04", "05", "06", "07", "00"]
    assert sorted(nearest(pixels(read(one)), seen) for one in found) == list(range(24))


# --- faults


def broken_files(folder: Path, photos: Photos) -> dict[str, str]:
    """Make files that are no videos, each with what is wrong with it."""
    whole = draw(folder / "drawn" / "whole.mp4", photos(3), rate=1)
    (folder / "cut.mp4").write_bytes(whole.read_bytes()[:-2000])
    (folder / "codec.mp4").write_bytes(whole.read_bytes().replace(b"avc1", b"xyz9").replace(b"avcC", b"free"))
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("no video at all\n" * 50)
    Image.new("RGB", (100, 100), "red").save(folder / "picture.mp4", "JPEG")
    (folder / "list.mp4").write_text(f"ffconcat version 1.0\nfile {whole}\n")
    for name in ("sound.mp4", "sound_with_a_cover.mp4"):
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream("aac", rate=44_100)
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="flt", layout="mono")
            sound.rate = 44_100
            if "cover" in name:
                cover: Any = container.add_stream("mjpeg", rate=1)
                cover.width, cover.height, cover.pix_fmt = *SIZE, "yuvj420p"
                cover.disposition = Disposition.attached_pic
                container.mux(cover.encode(av.VideoFrame.from_ndarray(photos(1)[0])))
            container.mux(stream.encode(sound))
            container.mux(stream.encode())
    invalid = "Invalid data found when processing input"
    return {
        "cut.mp4": invalid,
        "empty.mp4": invalid,
        "text.mp4": invalid,
        "picture.mp4": "Invalid argument",
        "list.mp4": "Invalid argument",
        "codec.mp4": "no moving pictures in it that can be decoded",
        "sound.mp4": "no moving pictures in it that can be decoded",
        "sound_with_a_cover.mp4": "no moving pictures in it that can be decoded",
        "gone.mp4": "No such file or directory",
        "pipe.mp4": "a pipe, no file",
    }


def test_what_is_no_video_is_told_in_one_line_and_in_a_folder_is_a_skip(
    negbuild: Negbuild, tmp_path: Path, named: Named, photos: Photos
) -> None:
    faults = broken_files(tmp_path / "clips", photos)
    os.mkfifo(tmp_path / "clips" / "pipe.mp4")
    for name, fault in faults.items():
        with pytest.raises(UsageError) as caught:
            named(tmp_path / "clips" / name)
        assert str(caught.value) == f"{tmp_path}/clips/{name}: no video that can be read ({fault})"
    done = negbuild("crawl", "--source", "video", "--path", "clips/text.mp4")
    line = f"negbuild: {tmp_path}/clips/text.mp4: no video that can be read ({faults['text.mp4']})\n"
    assert (done.code, done.out, done.err) == (2, "", line)
    (tmp_path / "clips" / "gone.mp4").symlink_to("nowhere.mp4")
    done = negbuild("crawl", "--source", "video", "--path", "clips", "-n", 3, "--json")
    assert (done.code, done.json["unique"], done.json["new"]) == (0, 3, 3)
    done = negbuild("crawl", "--source", "video", "--path", "clips", "-n", 9, "--json")
    assert (done.code, done.json["unique"], done.json["skips"]) == (3, 3, {"unreadable": 10})
    assert skips(tmp_path) == faults


def skips(workspace: Path) -> dict[str, str]:
    with sqlite3.connect(workspace / "catalog.sqlite") as catalog:
        found = catalog.execute("SELECT title, detail FROM candidates WHERE reason IS NOT NULL").fetchall()
    catalog.close()
    return {title.partition(" at ")[0]: detail for title, detail in found}


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "fragments.mp4", "a.flv"])
def test_a_video_that_was_cut_gives_what_it_still_has(tmp_path: Path, named: Named, photos: Photos, name: str) -> None:
    seen = photos(24)
    path = draw(tmp_path / name, [one for one in seen for _ in range(25)], **{**FORMATS[name], "gop": 25})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = named(path, start="0.5")
    random.Random(name).shuffle(found)
    got: dict[int, int | str] = {}
    for one in found:
        second = int(one.source_id.rpartition("/")[2]) // 1000
        try:
            got[second] = nearest(pixels(read(one)), seen)
        except OSError as error:
            got[second] = str(error)
    whole = [second for second, number in got.items() if second == number]
    assert 8 <= len(whole) <= 16
    assert sorted(whole) == list(range(len(whole)))
    ends = {str(text).rpartition(" ")[0] for second, text in got.items() if second > len(whole) + 1}
    assert ends <= {"ends at"}


@pytest.mark.parametrize("name", ["a.avi", "a.webm"])
def test_a_fault_spoils_the_frames_up_to_the_next_key_frame_and_no_others(
    tmp_path: Path, named: Named, photos: Photos, name: str
) -> None:
    seen = photos(6)
    moved = [np.roll(one, step, axis=1) for one in seen for step in range(20)]
    path = draw(tmp_path / name, moved, rate=10, **{**FORMATS[name], "gop": 20, "encoder": {}})
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    place, size = packets[50]
    assert place is not None
    data = bytearray(path.read_bytes())
    data[place + 8 : place + size] = b"\xa5" * (size - 8)
    path.write_bytes(data)
    right, spoilt = set(), set()
    for one in random.Random(3).sample(found := named(path, every="0.5", start="0.2"), len(found)):
        at = int(one.source_id.rpartition("/")[2])
        try:
            assert np.abs(pixels(read(one)).astype(int) - moved[at // 100]).mean() < 15
            right.add(at)
        except OSError as error:
            assert str(error).startswith("damaged at 0:05")  # noqa: PT017
            spoilt.add(at)
    assert {5200, 5700} >= spoilt > set()
    assert right | spoilt == set(range(200, 12_000, 500))


def test_without_pyav_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert VIDEO.missing() == ""
    monkeypatch.setitem(sys.modules, "av", None)
    assert VIDEO.missing() == 'needs PyAV; run: pip install "negbuild[video]"'


def test_pyav_is_found_and_not_imported(environment: Callable[..., dict[str, str]]) -> None:
    code = (
        "import sys\n"
        "from negbuild.source import find_source\n"
        "assert find_source('video').missing() == ''\n"
        "assert not {'av', 'numpy', 'PIL'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True)


# --- the whole way


def test_crawl_holds_frames(negbuild: Negbuild, tmp_path: Path, photos: Photos) -> None:
    draw(tmp_path / "street.mp4", photos(20), rate=1)
    wanted = ("crawl", "--source", "video", "--path", "street.mp4", "--option", "every=2", "--json")
    done = negbuild(*wanted, "-n", 6)
    assert (done.code, done.json["unique"], done.json["new"], done.json["skips"]) == (0, 6, 6, {})
    assert done.err == "negbuild: .: a new workspace\n"
    done = negbuild(*wanted, "-n", 10)
    assert (done.code, done.json["unique"], done.json["new"], done.json["tried"]) == (0, 10, 4, 4)
    assert done.err == ""
    status = negbuild("status", "--json").json
    assert [(one["name"], one["images"], one["sources"]) for one in status["categories"]] == [
        ("street", 10, {"video": 10})
    ]


def test_a_crawl_that_has_enough_ends_quietly_while_the_next_scene_is_looked_for(
    negbuild: Negbuild, tmp_path: Path, photos: Photos
) -> None:
    seen = photos(2)
    draw(tmp_path / "long.mp4", seen + seen[1:] * 3000, rate=25)
    done = negbuild(
        *("crawl", "--source", "video", "--path", "long.mp4", "-n", 2, "--json"),
        *("--option", "pick=scenes", "--option", "every=0.01"),
    )
    assert (done.code, done.json["unique"], done.err) == (0, 2, "negbuild: .: a new workspace\n")


def test_frames_of_one_video_are_in_one_split_and_no_path_leaves_the_machine(
    negbuild: Negbuild, tmp_path: Path, photos: Photos, photo: Photo
) -> None:
    """Also where they are of two categories: those with the logo, and those of the same video without it."""
    clips = tmp_path / "private" / "clips"
    for number in range(8):
        draw(clips / f"v{number}.mp4", photos(48)[6 * number : 6 * number + 6], rate=1)
    crawl = ("crawl", "--source", "video", "--path", "private/clips", "--json")
    logo = negbuild(*crawl, "-n", 24, "--category", "logo", "--role", "known", "--option", "end=3")
    street = negbuild(*crawl, "-n", 24, "--category", "street", "--option", "start=3")
    assert (logo.json["unique"], street.json["unique"]) == (24, 24)
    (tmp_path / "photos").mkdir()
    for number in range(30):
        (tmp_path / "photos" / f"{number}.jpg").write_bytes(photo(900 + number))
    assert negbuild("add", "photos", "--category", "salad", "--role", "unknown").code == 0
    assert negbuild("split", "--ratio", "50/25/25").code == 0

    with (tmp_path / "dataset" / "manifest.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["source"] == "video"]
    where: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        where.setdefault(row["title"][:2], set()).add((row["split"], row["group"]))
    assert (len(rows), len(where)) == (48, 8)
    assert {len(places) for places in where.values()} == {1}
    assert {split for places in where.values() for split, _ in places} == {"train", "valid", "test"}
    assert len({group for places in where.values() for _, group in places}) == 8
    assert {row["source_id"] + row["page"] for row in rows} == {""}
    assert negbuild("verify", "dataset").code == 0
    for file in (tmp_path / "dataset").iterdir():
        assert file.is_dir() or str(tmp_path) not in file.read_text(encoding="utf-8")
