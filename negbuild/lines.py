"""Long texts that come in chunks, packed by gzip or not, as lines."""

import codecs
import zlib
from collections.abc import Iterator
from itertools import chain

from negbuild.addresses import host_of
from negbuild.errors import SourceError

_PIECE = 2**16  # bytes that are unpacked at once
_LONGEST_LINE = 2**20
_GZIP = b"\x1f\x8b"


def lines_of(chunks: Iterator[bytes], url: str) -> Iterator[str]:
    """Decode what came from `url` in chunks of any size into lines, without their ends; raises SourceError.

    Little more than a line is held at any time, of however many gigabytes the text is.
    """
    try:
        yield from _split(_unpacked(chunks), url)
    except zlib.error as error:
        raise SourceError(f"{host_of(url)}: {url} cannot be read ({error})") from error


def _split(chunks: Iterator[bytes], url: str) -> Iterator[str]:
    decoder, rest = codecs.getincrementaldecoder("utf-8-sig")("replace"), ""
    for data in chunks:
        *whole, rest = (rest + decoder.decode(data)).split("\n")
        if len(rest) > _LONGEST_LINE:
            raise SourceError(f"{host_of(url)}: {url} has a line of over {_LONGEST_LINE:,} characters; is it a text")
        for line in whole:
            yield line.removesuffix("\r")
    if rest := rest + decoder.decode(b"", final=True):
        yield rest.removesuffix("\r")


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip, told by its first bytes, a bounded piece at a time; its members may be many (RFC 1952, 2.2)."""
    begin = b""
    for chunk in chunks:
        begin += chunk
        if len(begin) >= len(_GZIP):
            break
    chunks = chain([begin], chunks)
    if not begin.startswith(_GZIP):
        yield from chunks
        return
    member = zlib.decompressobj(zlib.MAX_WBITS + 16)
    for chunk in chunks:
        packed, piece = chunk, b""
        while packed or (len(piece) == _PIECE and not member.eof):
            if member.eof:
                packed = packed.lstrip(b"\0")  # members may be padded
                if not packed:
                    break
                member = zlib.decompressobj(zlib.MAX_WBITS + 16)
            piece = member.decompress(packed, _PIECE)
            yield piece
            packed = member.unconsumed_tail or member.unused_data
    if not member.eof:
        raise zlib.error("it ends too early")
