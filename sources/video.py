"""Frames of your own videos, one each second or each scene; a split never divides those of one video."""

import importlib.util
import math
import os
import re
import struct
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from negbuild.errors import UsageError
from negbuild.model import Candidate, Search
from negbuild.source import Gives, Option, Source, Takes, Web

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from PIL.Image import Image

_VIDEO = re.compile(r"(?is).*\.(mp4|m4v|mov|3gp|mkv|webm|avi|mpe?g|vob|mts|m2ts|wmv|asf|flv|ogv|mxf|gif)")
# Neither pictures, nor texts, which FFmpeg would draw, nor playlists, which name other files.
_FORMATS = "mov,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg,mxf,gif,nut,ivf,wtv"
_LONGEST_STATED = 86_400_000  # ms; what states more than a day is measured
_COVER = 0x400  # AV_DISPOSITION_ATTACHED_PIC
_AT_ONCE = 8  # videos whose frames are named in turn, and that are kept open
_FORWARD = 10_000  # ms up to which decoding on is taken to be quicker than seeking
_ON_SCREEN = 1_000  # ms that the last frame stays at least: stated lengths are not exact
_SMALL, _CHANGE = 32, 20.0  # pixels; mean difference in grey levels
# What a, b, c, d of the display matrix (ISO 14496-12, 6.2.2) ask for, in the order of Pillow's Transpose.
_TURNS = ((-1, 0, 0, 1), (1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0), (0, 1, 1, 0), (0, -1, -1, 0))


class _Moment(NamedTuple):
    """A frame, from when until when it is seen (in milliseconds), and whether nothing that it is made of is missing."""

    at: int
    until: int
    frame: "VideoFrame"
    whole: bool


def search(search: Search, web: Web) -> Iterator[Candidate]:  # noqa: ARG001  all sources are asked alike
    """Name frames of a video, or of all videos in a folder: one of each in turn. Hidden files are left out.

    The address is that of the video, so that all its frames are one origin, whichever categories they are for. Where a
    logo is seen from 0:30 to 0:45, `start=30` and `end=45` bring it as known, and `start=45` the hardest of negatives.
    """
    assert search.path is not None  # Source.check
    span, scenes, place = _span(search.options), search.options.get("pick") == "scenes", search.path.resolve()
    if place.is_dir():
        yield from _in_turn(_named(file, span, scenes=scenes, alone=False) for file in _walked(place))
    else:
        yield from _named(place, span, scenes=scenes, alone=True)


def read(candidate: Candidate, max_bytes: int) -> bytes:
    """Decode one frame to an upright JPEG, cut after `max_bytes` + 1; raises OSError where there is none."""
    file = Path(os.fsdecode(unquote_to_bytes(urlsplit(candidate.url).path)))
    picture = _film(file, _changed(file)).picture(int(candidate.source_id.rpartition("/")[2]))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()[: max_bytes + 1]


def missing() -> str:
    """Say that PyAV is not installed; it is found, not imported, since importing it is slow."""
    return "" if importlib.util.find_spec("av") else 'needs PyAV; run: pip install "negbuild[video]"'


def _span(options: Mapping[str, str]) -> range:
    """Read from when, until when and how far apart frames are wanted, in milliseconds."""
    otherwise = {"start": "0", "end": "9999:00:00", "every": "1"}
    start, end, every = (_milliseconds(name, options.get(name, usual)) for name, usual in otherwise.items())
    if not every or start >= end:
        raise UsageError("source video: no frame fits; every must be above 0, and start before end")
    return range(start, end, every)


def _milliseconds(name: str, text: str) -> int:
    clock = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)", text)
    if not clock:
        raise UsageError(f"source video: {name}={text}: needs seconds, such as 0.5 or 90 or 1:30")
    hours, minutes, seconds = (float(part or 0) for part in clock.groups())
    return round(1000 * (3600 * hours + 60 * minutes + seconds))


def _clock(milliseconds: int) -> str:
    minutes, rest = divmod(milliseconds, 60_000)
    clock = f"{minutes // 60}:{minutes % 60:02}:{rest / 1000:06.3f}".rstrip("0").rstrip(".")
    return re.sub("^0:0?", "", clock)


def _walked(place: Path) -> Iterator[Path]:
    refused: list[OSError] = []
    for folder, inner, files in os.walk(place, onerror=refused.append):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if _VIDEO.fullmatch(name) and name[0] != ".")
    yield from (Path(error.filename) for error in refused)


def _in_turn(videos: Iterator[Iterator[Candidate]]) -> Iterator[Candidate]:
    """Take one frame of each video after the other, so that the first ones are not all of the same video."""
    playing = deque(islice(videos, _AT_ONCE))
    while playing:
        if candidate := next(playing[0], None):
            yield candidate
            playing.rotate(-1)
        else:
            playing.popleft()
            playing.extend(islice(videos, 1))


def _named(file: Path, span: range, *, scenes: bool, alone: bool) -> Iterator[Candidate]:
    url, width, height = file.as_uri(), None, None
    video = f"{url}@{_changed(file)}"  # a file that was edited is another video
    times: Iterable[int] = [span.start]  # where it cannot be opened, reading it gives the skip its reason
    try:
        track = _Track(file)
        width, height = track.stream.width, track.stream.height
        times = track.scenes(span) if scenes else range(span.start, min(span.stop, track.length()), span.step)
    except OSError as error:
        if alone:
            raise UsageError(f"{file}: no video that can be read ({error})") from error
    for at in times:
        title, category = f"{file.name} at {_clock(at)}", file.stem if alone else file.parent.name
        yield Candidate("video", f"{video}/{at}", url, title=title, width=width, height=height, category=category)


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:  # a dangling link: reading it gives the skip its reason
        return 0


class _Track:
    """The pictures of an opened video; times are in milliseconds since its first one."""

    def __init__(self, file: Path) -> None:
        import av

        if file.is_fifo():  # opening it would wait for somebody to write
            raise OSError("a pipe, no file")
        try:
            limits = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
            self._container = av.open(str(file), container_options=limits)
        except av.FFmpegError as error:
            raise OSError(error.strerror) from error
        # Not at the end of the process, when the thread that names may still be decoding.
        weakref.finalize(self, self._container.close).atexit = False
        moving = (one for one in self._container.streams.video if not one.disposition.value & _COVER)
        shown = next((one for one in moving if one.codec_context), None)
        if shown is None:
            raise OSError("no moving pictures in it that can be decoded")
        self.stream = shown
        self.stream.codec_context.thread_count = 1  # several videos are read at once
        self._start, self._base = self.stream.start_time or 0, float(self.stream.time_base or 1) * 1000

    def scenes(self, span: range) -> Iterable[int]:
        """Choose the times of frames that differ from the one taken before: their grey 32 x 32 pixels, by 20 levels."""
        import numpy as np

        taken, after = None, span.start
        for moment in self.decoded(span.start):
            if moment.at >= span.stop:
                return
            if moment.at < after or not moment.whole:
                continue
            small = moment.frame.reformat(_SMALL, _SMALL, "gray", interpolation="AREA").to_ndarray().astype(np.float64)
            if taken is None or np.abs(small - taken).mean() > _CHANGE:
                taken, after = small, moment.at + span.step
                yield moment.at

    def decoded(self, after: int = 0) -> Iterator[_Moment]:
        """Decode from a key frame near `after` to where the file ends or is cut; faults last to the next key frame."""
        import av

        if after:
            with suppress(av.FFmpegError):
                self._container.seek(self._start + int(after / self._base), stream=self.stream)
        at, whole, faults = 0, True, set[int]()
        for packet in chain(self._packets(), [None]):  # None: what the decoder holds back
            frames, corrupt = [], packet is not None and packet.is_corrupt
            try:
                frames = self.stream.codec_context.decode(packet)
            except av.FFmpegError:
                corrupt = True
            if corrupt:
                faults.add(self._time(packet, at))
            for frame in frames:
                at = self._time(frame, at)
                reached = {fault for fault in faults if fault <= at}
                faults -= reached
                whole = (whole or frame.key_frame) and not reached and not frame.is_corrupt
                yield _Moment(at, at + max(_ON_SCREEN, round((frame.duration or 0) * self._base)), frame, whole)

    def _packets(self) -> "Iterator[Packet[Any]]":
        import av

        with suppress(av.FFmpegError):  # it is cut here
            yield from (packet for packet in self._container.demux(self.stream) if packet.size)

    def _time(self, stamped: "Packet[Any] | VideoFrame | None", otherwise: int) -> int:
        stamps = (stamped.pts, stamped.dts) if stamped else ()
        return next((round((one - self._start) * self._base) for one in stamps if one is not None), otherwise)

    def length(self) -> int:
        """Length as the file states it, else when its last picture ends."""
        stated = (self.stream.duration or 0) * self._base or (self._container.duration or 0) / 1000
        if 0 < stated < _LONGEST_STATED:
            return math.ceil(stated)
        return max((self._time(one, 0) + round((one.duration or 0) * self._base) for one in self._packets()), default=0)


class _Film:
    """A video whose frames are read in any order: forward as long as that is the way to go, else from a key frame."""

    def __init__(self, file: Path) -> None:
        self._file, self._lock = file, threading.Lock()
        self._end = sys.maxsize  # as far as is known
        self._begin()

    def _begin(self) -> None:
        self._track = _Track(self._file)
        self._moments = self._track.decoded()
        self._now, self._next = next(self._moments, None), next(self._moments, None)

    def picture(self, at: int) -> "Image":
        """Return the frame that is seen at a time, upright; raises OSError where there is none, or a damaged one."""
        with self._lock:
            if at < self._end and not (self._now and self._now.at <= at < self._now.at + _FORWARD):
                self._seek(at)
            while at < self._end and self._next and self._next.at <= at:
                self._now, self._next = self._next, next(self._moments, None)
            if self._next is None:
                self._end = self._now.until if self._now else 0
            if self._now is None or at >= self._end:
                raise OSError(f"ends at {_clock(self._end)}")
            if not self._now.whole:
                raise OSError(f"damaged at {_clock(self._now.at)}")
            return _upright(self._now.frame, float(self._track.stream.sample_aspect_ratio or 1))

    def _seek(self, at: int) -> None:
        """Go to a key frame not after a time; where seeking leads behind it, as in MPEG, farther and farther back."""
        back = 0
        while at > back:
            self._moments = self._track.decoded(at - back)
            # What comes before the key frame may lack what it is made of.
            self._now = next((moment for moment in self._moments if moment.frame.key_frame), None)
            self._next = next(self._moments, None)
            if self._now and self._now.at <= at:
                return
            back = 2 * back + 1000
        self._begin()


def _upright(frame: "VideoFrame", pixel: float) -> "Image":
    """Make a picture of a frame: with square pixels, and turned as its display matrix says."""
    from PIL import Image

    picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
    picture = picture.resize((round(picture.width * min(max(pixel, 0.25), 4.0)), picture.height))
    with suppress(KeyError, ValueError):  # there is none, or it asks for another angle
        a, b, _, c, d = struct.unpack_from("=5i", frame.side_data["DISPLAYMATRIX"])  # type: ignore[typeddict-item]
        picture = picture.transpose(Image.Transpose(_TURNS.index((a >> 16, b >> 16, c >> 16, d >> 16))))
    return picture


@lru_cache(maxsize=_AT_ONCE)
def _film(file: Path, changed: int) -> _Film:  # noqa: ARG001  a changed video is another one
    return _Film(file)


SOURCE = Source(
    name="video",
    summary=__doc__,
    search=search,
    takes=Takes.PATH,
    example="clip.mp4",
    read=read,
    missing=missing,
    options=(
        Option("every", "seconds between two frames at least; else 1"),
        Option("pick", "frames at equal distances, or where the picture changes", ("spaced", "scenes")),
        Option("start", "only from this time on, such as 90 or 1:30"),
        Option("end", "only before this time"),
    ),
    gives=(Gives.NEAR, Gives.FAR, Gives.BACKGROUND),
    bounds="a frame each second by itself",
)
