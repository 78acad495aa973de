"""Parents beside their children, on one page: PNG or HTML. Pure functions."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

_GAP, _LINE = 6, 18  # pixels
_GROUND, _INK = "#ffffff", "#222222"


@dataclass(frozen=True, slots=True)
class Family:
    """A line of the sheet: what it shows, the original, and its children, as RGB pictures of any size."""

    label: str
    original: Pillow.Image
    children: Sequence[Pillow.Image]


def png_sheet(title: str, families: Sequence[Family], cell: int = 160) -> bytes:
    """Draw the sheet as PNG: the original to the left of its children, each in a square of `cell` pixels."""
    columns = 1 + max((len(family.children) for family in families), default=0)
    width = columns * (cell + _GAP) + 3 * _GAP
    sheet = Pillow.new("RGB", (width, _LINE + _GAP + len(families) * (cell + _LINE + _GAP)), _GROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    draw.text((_GAP, 3), title, _INK, font)
    for row, family in enumerate(families):
        top = _LINE + _GAP + row * (cell + _LINE + _GAP)
        draw.text((_GAP, top), family.label, _INK, font)
        for column, picture in enumerate([family.original, *family.children]):
            small = picture.copy()
            small.thumbnail((cell, cell), Pillow.Resampling.LANCZOS)
            left = _GAP + column * (cell + _GAP) + (2 * _GAP if column else 0)  # a wider gap beside the original
            sheet.paste(small, (left + (cell - small.width) // 2, top + _LINE + (cell - small.height) // 2))
    buffer = io.BytesIO()
    sheet.quantize(256, dither=Pillow.Dither.FLOYDSTEINBERG).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def html_sheet(title: str, families: Sequence[Family], cell: int = 240) -> str:
    """Write the sheet as one HTML page with the pictures inside."""
    rows = []
    for family in families:
        cells = "".join(f"<td>{_inline(picture, cell)}</td>" for picture in family.children)
        rows.append(f"<tr><th>{_inline(family.original, cell)}<br>{html.escape(family.label)}</th>{cells}</tr>")
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        "<style>body{font:14px sans-serif}th{padding-right:1em;font-weight:normal}td,th{vertical-align:top}</style>\n"
        f"<h1>{html.escape(title)}</h1>\n<p>To the left the original, beside it its copies.</p>\n<table>\n"
        + "\n".join(rows)
        + "\n</table></html>\n"
    )


def _inline(picture: Pillow.Image, cell: int) -> str:
    small = picture.copy()
    small.thumbnail((cell, cell), Pillow.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img width="{small.width}" height="{small.height}" src="data:image/jpeg;base64,{data}" alt="">'
