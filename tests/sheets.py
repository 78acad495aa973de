"""Draws one contact sheet of each preset into docs/presets/: `make sheets`. The same bytes every time.

Photographs are those of scikit-image; a signature, a logo and a hand are drawn here, with something that is not its own
mirror image.
"""

import io
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter, ImageFont
from skimage import data

from negbuild.augmentation import Augmenter, Made, seed_of
from negbuild.contact_sheet import Family, png_sheet
from negbuild.paste import Paste, cut_out, piece
from negbuild.picture import jpeg_bytes
from negbuild.presets import PRESETS

FOLDER = Path(__file__).parent.parent / "docs" / "presets"
SIDE, COPIES = 320, 5


def signature(seed: int) -> Pillow.Image:
    """Draw a written line: loops that lean to the right, thicker downwards, on paper that is not quite white."""
    random = np.random.default_rng(seed)
    time = np.linspace(0, 1, 1600)
    waves = random.uniform(0.6, 1.2, 4) * np.array([1, 0.7, 0.5, 0.3])
    across = 0.1 + 0.75 * time + 0.035 * np.sin(2 * np.pi * (9 * time + random.uniform()))
    up = sum(
        wave * np.sin(2 * np.pi * (speed * time + random.uniform()))
        for wave, speed in zip(waves, (9, 4, 2, 13), strict=True)
    )
    up *= 0.09 * (1.6 - time)
    across += 0.25 * up
    width, height = 960, 400
    x, y = across * width, (0.5 - up) * height
    paper = Pillow.fromarray(
        np.clip(
            random.normal(244, 2, (height, width, 3)) - [0, 3, 10] - np.linspace(0, 10, width)[:, None], 0, 255
        ).astype(np.uint8)
    )
    draw = ImageDraw.Draw(paper)
    for place in range(len(time) - 1):
        pen = 3 + 3 * max(0.0, np.sign(y[place + 1] - y[place])) + 2 * np.sin(place / 90)
        draw.ellipse([x[place] - pen, y[place] - pen, x[place] + pen, y[place] + pen], "#1b2a6b")
    return paper.filter(ImageFilter.GaussianBlur(1)).resize((480, 200), Pillow.Resampling.LANCZOS)


def logo() -> Pillow.Image:
    """Draw a badge with a word and a leaning bar."""
    picture = Pillow.new("RGB", (360, 300), "#f4f1ea")
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle([50, 50, 310, 250], 36, "#c8102e")
    draw.polygon([(80, 225), (130, 225), (200, 75), (150, 75)], "#ffc72c")
    draw.text((140, 130), "Rex", "#ffffff", ImageFont.load_default(80))
    return picture


def hand() -> Pillow.Image:
    """Draw a hand that points to the right, thumb up, before a photograph."""
    picture = photo("coffee", (0, 0, 400, 300)).filter(ImageFilter.GaussianBlur(6))
    draw = ImageDraw.Draw(picture)
    skin, edge = "#d9a07a", "#8d5a3b"
    for box in ([60, 120, 190, 235], [150, 125, 340, 158]):
        draw.rounded_rectangle(box, 22, skin, edge, 2)
    for row in range(3):
        draw.rounded_rectangle([150, 160 + 25 * row, 215, 183 + 25 * row], 11, skin, edge, 2)
    draw.polygon([(90, 130), (105, 60), (135, 62), (140, 130)], skin)
    draw.rectangle([0, 140, 70, 220], "#35507a")
    return picture.filter(ImageFilter.GaussianBlur(1))


def photo(name: str, box: tuple[int, int, int, int] | None = None) -> Pillow.Image:
    """Take a photograph, or a part of it."""
    picture = Pillow.fromarray(getattr(data, name)()).convert("RGB")
    return picture.crop(box) if box else picture


PICTURES: dict[str, list[tuple[str, Callable[[], Pillow.Image]]]] = {
    "object": [("coffee", partial(photo, "coffee")), ("rocket", partial(photo, "rocket"))],
    "signature": [("signature 1", partial(signature, 1)), ("signature 2", partial(signature, 4))],
    "text": [("page", partial(photo, "page")), ("a line of it", partial(photo, "page", (0, 60, 384, 130)))],
    "logo": [("logo", logo)],
    "face": [("astronaut", partial(photo, "astronaut", (130, 0, 330, 220)))],
    "gesture": [("hand", hand)],
    "texture": [("brick", partial(photo, "brick")), ("gravel", partial(photo, "gravel"))],
    "light": [("cat", partial(photo, "chelsea")), ("coffee", partial(photo, "coffee"))],
    "strong": [("cat", partial(photo, "chelsea")), ("coffee", partial(photo, "coffee"))],
}


def opened(made: Made | None) -> list[Pillow.Image]:
    """Decode a child."""
    return [Pillow.open(io.BytesIO(made.data)).convert("RGB")] if made else []


def family(preset: str, label: str, picture: Pillow.Image) -> Family:
    """Make the first children of a picture."""
    augmenter, bytes_ = Augmenter(PRESETS[preset].recipe), jpeg_bytes(picture, 95)
    made = [augmenter.child(bytes_, SIDE, partial(seed_of, label, copy, 0)) for copy in range(1, COPIES + 1)]
    return Family(label, picture, [child for one in made for child in opened(one)])


def badge() -> bytes:
    """Cut the logo out, as a PNG with a transparent background."""
    picture, alpha = logo().convert("RGBA"), Pillow.new("L", (360, 300))
    ImageDraw.Draw(alpha).rounded_rectangle([50, 50, 310, 250], 36, 255)
    picture.putalpha(alpha)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def pasted() -> list[Family]:
    """Lay a thing and a piece of a negative on photographs."""
    augmenter = Augmenter(PRESETS["logo"].recipe)
    grounds = [
        np.asarray(photo(name).resize((320, 240))) for name in ("coffee", "chelsea", "rocket", "brick", "astronaut")
    ]
    thing, other = cut_out(badge(), None, SIDE), piece(jpeg_bytes(photo("coffee"), 95), SIDE)
    assert thing
    return [
        Family(
            label,
            original,
            [
                child
                for copy, ground in enumerate(grounds, 1)
                for child in opened(augmenter.pasted(Paste(ground, cut), partial(seed_of, label, copy, 0)))
            ],
        )
        for label, original, cut in (("logo", logo(), lambda _: thing), ("a negative", photo("coffee"), other))
    ]


def main() -> None:
    """Draw all sheets, or those that are named."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or [*PICTURES, "paste"]:
        families = pasted() if name == "paste" else [family(name, label, make()) for label, make in PICTURES[name]]
        (FOLDER / f"{name}.png").write_bytes(png_sheet(f"{name}: originals, and copies of them", families, 128))


if __name__ == "__main__":
    main()
