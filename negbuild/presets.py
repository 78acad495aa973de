"""Presets: what may be done to pictures of one kind without making them something else, and why.

Values are albumentations 2.0.8's; angles are in degrees, shifts and scales in parts of the picture. What only positives
would show is left out everywhere: black boxes, black corners, colours of no photograph.
"""

from dataclasses import dataclass
from typing import Any

from negbuild.pipeline import Edges, Recipe, Step

_REPLICATE, _REFLECT = 1, 4  # cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101
_LINEAR, _AREA = 1, 3  # cv2.INTER_LINEAR, cv2.INTER_AREA


@dataclass(frozen=True, slots=True)
class Preset:
    """A recipe with what it keeps, for the help text; `mirrors` says that left and right may change places."""

    recipe: Recipe
    reason: str
    mirrors: bool = False

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.recipe.name


def _affine(border: int = _REPLICATE, **arguments: Any) -> Step:  # noqa: ANN401  albumentations' own
    return Step("Affine", {"keep_ratio": True, "border_mode": border, **arguments})


def _one_of(p: float, *steps: Step) -> Step:
    return Step("OneOf", {"p": p}, steps)


def _light(amount: float, p: float) -> Step:
    return Step("RandomBrightnessContrast", {"brightness_limit": amount, "contrast_limit": amount, "p": p})


def _colour(hue: int, saturation: int, p: float) -> Step:
    return Step(
        "HueSaturationValue",
        {"hue_shift_limit": hue, "sat_shift_limit": saturation, "val_shift_limit": 0, "p": p},
    )


def _gamma(low: int, high: int, p: float) -> Step:
    return Step("RandomGamma", {"gamma_limit": [low, high], "p": p})


def _shade(amount: float, p: float) -> Step:
    return Step("Illumination", {"mode": "linear", "intensity_range": [0.02, amount], "p": p})


def _warmth(low: int, high: int, p: float) -> Step:
    """Give the light another colour, in kelvin."""
    return Step("PlanckianJitter", {"mode": "blackbody", "temperature_limit": [low, high], "p": p})


def _blur(sigma: float, p: float) -> Step:
    return Step("GaussianBlur", {"blur_limit": 0, "sigma_limit": [0.4, sigma], "p": p})


def _shake(length: int, p: float) -> Step:
    return Step("MotionBlur", {"blur_limit": [3, length], "allow_shifted": False, "p": p})


def _noise(most: float, p: float) -> Step:
    return Step("GaussNoise", {"std_range": [0.005, most], "p": p})


def _jpeg(worst: int, p: float) -> Step:
    return Step("ImageCompression", {"quality_range": [worst, 95], "p": p})


def _far(least: float, p: float) -> Step:
    """See a picture as from afar: smaller, and enlarged again."""
    pair = {"downscale": _AREA, "upscale": _LINEAR}
    return Step("Downscale", {"scale_range": [least, 0.9], "interpolation_pair": pair, "p": p})


_MIRROR = Step("HorizontalFlip", {"p": 0.5})

_OBJECT = (
    _MIRROR,
    _affine(scale=[0.85, 1.08], rotate=[-10, 10], shear=[-5, 5], translate_percent=[-0.04, 0.04], p=0.9),
    _light(0.2, 0.7),
    _colour(6, 20, 0.5),
    _one_of(0.25, _blur(1.5, 1), _shake(7, 1)),
    _noise(0.03, 0.2),
    _jpeg(50, 0.4),
)
_SIGNATURE = (
    _affine(
        scale=[0.85, 1.08],
        rotate=[-5, 5],
        shear={"x": [-10, 10], "y": [-3, 3]},
        translate_percent=[-0.03, 0.03],
        p=1,
    ),
    # The pen's width: on bright paper an erosion widens dark strokes. A dilation of 3 would wipe out those of 2 pixels.
    _one_of(
        0.5,
        Step("Morphological", {"operation": "erosion", "scale": [2, 3], "p": 0.6}),
        Step("Morphological", {"operation": "dilation", "scale": [2, 2], "p": 0.4}),
    ),
    _gamma(80, 125, 0.5),
    _shade(0.12, 0.3),
    _blur(1.2, 0.4),
    _noise(0.02, 0.2),
    _jpeg(50, 0.4),
)
_TEXT = (
    _affine(scale=[0.88, 1.0], rotate=[-3, 3], shear={"x": [-5, 5], "y": [-2, 2]}, p=0.9),
    Step("Perspective", {"scale": [0.01, 0.025], "border_mode": _REPLICATE, "p": 0.5}),
    _light(0.12, 0.5),
    _shade(0.1, 0.4),
    _far(0.5, 0.25),
    _one_of(0.3, _blur(1.0, 1), _shake(5, 1)),
    _noise(0.02, 0.2),
    _jpeg(40, 0.5),
)
_LOGO = (
    Step("Perspective", {"scale": [0.02, 0.05], "border_mode": _REPLICATE, "p": 0.8}),
    _affine(scale=[0.6, 0.95], rotate=[-8, 8], translate_percent=[-0.05, 0.05], p=0.9),
    _light(0.2, 0.6),
    _colour(0, 15, 0.3),
    _far(0.2, 0.4),
    _one_of(0.35, _blur(1.8, 1), _shake(9, 1)),
    _noise(0.03, 0.2),
    _jpeg(30, 0.6),
)
_FACE = (
    _MIRROR,
    _affine(scale=[0.95, 1.12], rotate=[-8, 8], translate_percent=[-0.03, 0.03], p=0.9),
    _light(0.2, 0.7),
    _gamma(80, 125, 0.4),
    _shade(0.15, 0.4),
    _warmth(5000, 8500, 0.4),
    _far(0.5, 0.15),
    _one_of(0.2, _blur(1.2, 1), _shake(5, 1)),
    _noise(0.03, 0.2),
    _jpeg(50, 0.4),
)
_GESTURE = (
    _affine(scale=[0.9, 1.1], rotate=[-10, 10], shear=[-4, 4], translate_percent=[-0.03, 0.03], p=0.9),
    _light(0.2, 0.7),
    _gamma(80, 125, 0.3),
    _warmth(5000, 8500, 0.4),
    _one_of(0.35, _blur(1.5, 1), _shake(9, 1)),
    _noise(0.03, 0.25),
    _jpeg(50, 0.4),
)
_TEXTURE = (
    Step("D4", {"p": 1}),
    _affine(border=_REFLECT, scale=[1.0, 1.6], rotate=[-45, 45], shear=[-5, 5], translate_percent=[-0.15, 0.15], p=0.9),
    _light(0.2, 0.7),
    _colour(4, 15, 0.4),
    _shade(0.15, 0.3),
    _one_of(0.2, _blur(1.2, 1), Step("Sharpen", {"alpha": [0.1, 0.3], "p": 1})),
    _noise(0.03, 0.2),
    _jpeg(60, 0.3),
)
_LIGHT = (
    _light(0.2, 0.8),
    _gamma(75, 135, 0.5),
    _colour(5, 20, 0.4),
    _warmth(4500, 9000, 0.5),
    _shade(0.2, 0.5),
)
_STRONG = (
    _MIRROR,
    _affine(scale=[0.75, 1.25], rotate=[-20, 20], shear=[-10, 10], translate_percent=[-0.08, 0.08], p=0.95),
    Step("Perspective", {"scale": [0.02, 0.05], "border_mode": _REPLICATE, "p": 0.5}),
    _light(0.3, 0.8),
    _gamma(70, 140, 0.4),
    _colour(8, 35, 0.6),
    Step("ToGray", {"p": 0.08}),
    _far(0.3, 0.25),
    _one_of(0.4, _blur(2.5, 1), _shake(11, 1), Step("Defocus", {"radius": [2, 4], "alias_blur": [0.1, 0.2], "p": 1})),
    _noise(0.06, 0.35),
    _jpeg(25, 0.6),
)

PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            Recipe("object", _OBJECT, Edges.INSIDE),
            "things, food: mirrored, turned by up to 10 degrees, light, colour",
            mirrors=True,
        ),
        Preset(
            Recipe("signature", _SIGNATURE, Edges.PAPER),
            "ink on paper: shear, slight turns, zoom, stroke width, blur; never mirrored or inverted",
        ),
        Preset(
            Recipe("text", _TEXT, Edges.PAPER),
            "print: slight turns and perspective, shade, blur, JPEG; never mirrored, which would be other letters",
        ),
        Preset(
            Recipe("logo", _LOGO, Edges.INSIDE),
            "brands: perspective, far smaller, blur, JPEG; never mirrored, never of another hue",
        ),
        Preset(
            Recipe("face", _FACE, Edges.INSIDE),
            "faces: mirrored, light from a side and of other colour, turned by up to 8 degrees",
            mirrors=True,
        ),
        Preset(
            Recipe("gesture", _GESTURE, Edges.INSIDE),
            "hands: light, shake, turned by up to 10 degrees; never mirrored: left is not right",
        ),
        Preset(
            Recipe("texture", _TEXTURE), "surfaces: any way up, mirrored, nearer, light, little colour", mirrors=True
        ),
        Preset(
            Recipe("light", _LIGHT),
            "light alone: brightness, colour of the light, shade; every pixel stays where it is",
        ),
        Preset(
            Recipe("strong", _STRONG, Edges.INSIDE),
            "all of it and more, for things that look like anything; may cost detail",
            mirrors=True,
        ),
    )
}
"""By name."""
