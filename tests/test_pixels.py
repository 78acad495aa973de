"""Pictures too plain for fingerprints, by the real command line: equal in every pixel, they are copies, else none."""

import io
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from negbuild import confirmation
from negbuild.album import Album, read_album
from negbuild.errors import NegbuildError
from negbuild.fingerprint import fingerprints, grids, texture
from negbuild.held import held_pixels
from negbuild.manifest import read_manifest
from negbuild.model import Fingerprint
from negbuild.picture import Inspection, inspect
from negbuild.pixels import EXACT_TEXTURE, equal_pairs, exact, pixels
from negbuild.stages.audit import audit
from negbuild.store import Store
from negbuild.twins import PLAIN_TEXTURE
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
SIZE = (640, 480)


def gradient(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Draw a picture that is too plain for fingerprints: each channel rises evenly."""
    width, height = size
    slopes = np.random.default_rng(seed).uniform(10, 20, (3, 2))
    down, across = np.mgrid[:height, :width]
    levels = [100 + right * across / width + lower * down / height for right, lower in slopes]
    return Image.fromarray(np.rint(np.stack(levels, axis=-1)).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401  Pillow's own
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def execute(root: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(root / "catalog.sqlite")) as catalog, catalog:
        catalog.execute("PRAGMA foreign_keys = ON")
        return catalog.execute(sql).fetchall()


def inspected(data: bytes) -> Inspection:
    found = inspect(data)
    assert isinstance(found, Inspection)
    return found


def pixels_of(data: bytes) -> str:
    return pixels(data, inspected(data).image)


def add(negbuild: Negbuild, folder: str, category: str, role: str = "unknown") -> None:
    assert negbuild("add", folder, "--category", category, "--role", role).code == 0


@pytest.fixture
def project(tmp_path: Path, photo: Photo, negbuild: Negbuild) -> Path:
    """A workspace of 8 known photographs, and of 6 unknown ones beside 6 gradients, each in two formats."""
    fill(tmp_path / "hotdog", {f"h{seed}.jpg": photo(seed, (320, 240)) for seed in range(8)})
    fill(tmp_path / "wall", {f"w{seed}.jpg": photo(seed, (320, 240)) for seed in range(100, 106)})
    for kind in ("PNG", "BMP"):
        fill(tmp_path / "wall", {f"g{seed}.{kind.lower()}": encoded(gradient(seed), kind) for seed in range(6)})
    add(negbuild, "hotdog", "hotdog", "known")
    add(negbuild, "wall", "wall")
    return tmp_path


def test_the_same_plain_picture_in_two_formats_is_one_copy_of_which_is_set_aside(
    project: Path, negbuild: Negbuild
) -> None:
    done = negbuild("dedup", "--json").json
    assert (done["twins"], done["groups"], done["plain"]) == (6, 6, 12)
    assert done["reasons"] == {"every pixel equal": 6}
    assert done["distances"] == {"0": 6}
    pairs = [(Path(one["title"]).stem, Path(one["keeper_title"]).stem) for one in done["copies"]]
    assert sorted(pairs) == [(f"g{seed}", f"g{seed}") for seed in range(6)]
    told = negbuild("dedup").out.splitlines()
    assert told[0].startswith("26 pictures: 6 pairs of twins (6 every pixel equal), 6 copies set aside")
    assert "12 pictures with too little in them to compare: only equal pixels count" in told
    assert execute(project, "SELECT DISTINCT alignment FROM pairs") == [("[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]",)]


@pytest.mark.parametrize("seed", range(4))
def test_a_split_without_dedup_never_divides_them_and_is_verified(project: Path, negbuild: Negbuild, seed: int) -> None:
    assert negbuild("split", "--seed", seed).code == 0
    done = negbuild("verify", "dataset")
    assert (done.code, "the same bytes" in done.out) == (0, False)
    placed = execute(project, "SELECT title, split FROM candidates JOIN assignments USING (sha256)")
    splits: dict[str, set[str]] = {}
    for title, split in placed:
        splits.setdefault(Path(title).stem, set()).add(split)
    assert all(len(splits[f"g{seed}"]) == 1 for seed in range(6))


def touched(image: Image.Image) -> Image.Image:
    """Change one channel of one pixel."""
    red, *rest = image.getpixel((5, 5))  # type: ignore[misc]
    image.putpixel((5, 5), (red - 1, *rest))
    return image


def test_what_leaks_in_the_folder_of_somebody_is_told_by_their_pixels(tmp_path: Path, negbuild: Negbuild) -> None:
    for seed in range(3):
        fill(tmp_path / "data", {f"train/sky/{seed}.png": encoded(gradient(seed), "PNG")})
    files = {"same.bmp": gradient(1), "touched.png": touched(gradient(2)), "other.png": gradient(2, (480, 640))}
    fill(
        tmp_path / "data/test/sky",
        {name: encoded(one, "BMP" if "bmp" in name else "PNG") for name, one in files.items()},
    )
    found = negbuild("dedup", "data", "--json").json
    assert [(one["one"], one["other"], one["leak"]) for one in found["twins"]] == [
        ("test/sky/same.bmp", "train/sky/1.png", True)
    ]
    assert (found["plain"], found["reasons"], found["leaked"]) == (6, {"every pixel equal": 1}, {"train": 1, "test": 1})
    told = negbuild("dedup", "data").out.splitlines()
    assert "6 pictures with too little in them to compare: only equal pixels count" in told


def test_plain_pictures_of_a_folder_are_read_again_only_where_another_has_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(Album, "pixels_of", lambda _, sha256: read.append(sha256) or sha256)  # type: ignore[func-returns-value]
    fill(tmp_path, {f"{side}.png": encoded(gradient(1, (side, 200)), "PNG") for side in (200, 300)})
    assert (audit(tmp_path).plain, len(read)) == (2, 0)
    fill(tmp_path, {"again.bmp": encoded(gradient(1, (300, 200)), "BMP")})
    assert (audit(tmp_path).plain, len(read)) == (3, 2)


def test_a_plain_picture_of_a_folder_that_changes_meanwhile_is_told(tmp_path: Path) -> None:
    fill(tmp_path, {"sky.png": encoded(gradient(1), "PNG")})
    album = read_album(tmp_path)
    fill(tmp_path, {"sky.png": encoded(gradient(2), "PNG")})
    with pytest.raises(NegbuildError, match=r"^sky\.png: has changed while it was looked at; run the command again$"):
        album.pixels_of(next(iter(album.plain)))


def test_equal_plain_pictures_under_two_labels_are_a_conflict(project: Path, negbuild: Negbuild) -> None:
    fill(project / "more", {"g.tif": encoded(gradient(2), "TIFF")})
    add(negbuild, "more", "hotdog", "known")
    assert negbuild("dedup", "--json").json["conflicts"] >= 1
    omitted = negbuild("split", "--json").json["omitted"]
    assert (omitted["a copy with another label"], omitted["a copy of one in use"]) == (2, 5)
    titles = {row.title for row in read_manifest(project / "dataset")}
    assert (titles & {"g.tif", "g2.png", "g2.bmp"}, negbuild("verify", "dataset").code) == ({"g.tif"}, 0)


def test_a_copy_of_a_plain_picture_that_is_kept_out_enters_no_split(
    project: Path, negbuild: Negbuild, photo: Photo
) -> None:
    files = {"g1.webp": encoded(gradient(1), "WEBP", lossless=True), "other.png": encoded(gradient(77), "PNG")}
    fill(project / "testset", {**files, "photo.jpg": photo(900)})
    done = negbuild("dedup", "--against", "testset", "--json").json
    assert [(one["title"], one["name"], one["reason"]) for one in done["kept_out"]] == [
        ("g1.bmp", "g1.webp", "every pixel equal"),
        ("g1.png", "g1.webp", "every pixel equal"),
    ]
    shutil.rmtree(project / "testset")
    fill(project / "more", {"late.tif": encoded(gradient(77), "TIFF"), "stranger.png": encoded(gradient(78), "PNG")})
    add(negbuild, "more", "wall")
    assert [one["title"] for one in negbuild("dedup", "--json").json["kept_out"]] == ["g1.bmp", "g1.png", "late.tif"]


def test_a_large_jpeg_is_no_flatter_than_its_pixels_in_another_format(
    tmp_path: Path, negbuild: Negbuild, photo: Photo
) -> None:
    grain = np.random.default_rng(1).normal(128, 6, (1600, 1600))  # of which nothing is left at an eighth of the size
    paper = encoded(Image.fromarray(np.rint(grain).astype(np.uint8)).convert("RGB"), "JPEG", quality=95)
    with Image.open(io.BytesIO(paper)) as image:
        fill(tmp_path, {"held/paper.png": encoded(image, "PNG"), "held/photo.jpg": photo(1)})
    fill(tmp_path, {"testset/paper.jpg": paper, "testset/photo.jpg": photo(900)})
    add(negbuild, "held", "wall")
    found = negbuild("dedup", "--against", "testset", "--json").json
    assert [(one["title"], one["name"], one["reason"]) for one in found["kept_out"]] == [
        ("paper.png", "paper.jpg", "every pixel equal")
    ]
    add(negbuild, "testset", "wall")
    assert len(negbuild("dedup", "--json").json["dropped"]) == 0  # both are kept out
    assert negbuild("dedup", "--forget-against", "testset").code == 0
    assert len(negbuild("dedup", "--json").json["dropped"]) == 1


def test_what_an_older_negbuild_kept_out_is_looked_at_when_its_place_is_named_again(
    project: Path, negbuild: Negbuild
) -> None:
    fill(project / "testset", {"g1.webp": encoded(gradient(1), "WEBP", lossless=True)})
    first = negbuild("dedup", "--against", "testset", "--json").json
    execute(project, "UPDATE guards SET pixels = ''")
    execute(project, "DELETE FROM guarded")
    assert negbuild("dedup", "--json").json["kept_out"] == []
    assert negbuild("dedup", "--against", "testset", "--json").json == first
    assert execute(project, "SELECT count(*) FROM guards") == [(1,)]
    for file in (project / "images").rglob("*.*"):
        file.unlink()
    assert negbuild("dedup", "--against", "testset", "--json").json == first  # nothing is decoded once more


def test_a_workspace_of_an_older_negbuild_has_its_plain_pictures_compared(project: Path, negbuild: Negbuild) -> None:
    first = negbuild("dedup", "--json").json
    execute(project, "DELETE FROM pairs")
    execute(project, "UPDATE confirmed SET version = replace(version, ' pixels', '')")
    assert negbuild("dedup", "--json").json == first


def test_plain_pictures_are_decoded_again_only_for_new_ones_of_their_size(
    project: Path, negbuild: Negbuild, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []

    def seen(store: Store, image: Any) -> str:  # noqa: ANN401  as it is handed on
        decoded.append(image.format)
        return held_pixels(store, image)

    def confirm() -> int:
        decoded.clear()
        with Workspace(project).writing() as catalog:
            confirmation.confirm_copies(catalog, Workspace(project).store)
        return len(decoded)

    monkeypatch.setattr(confirmation, "held_pixels", seen)
    assert confirm() == 12  # none of the 14 photographs
    assert confirm() == 0
    fill(project / "photos", {"p.jpg": photo(300, (320, 240))})
    add(negbuild, "photos", "wall")
    assert confirm() == 0
    fill(project / "small", {"small.png": encoded(gradient(0, (400, 300)), "PNG")})
    add(negbuild, "small", "wall")
    assert confirm() == 0  # of another size than all others
    fill(project / "more", {"more.tif": encoded(gradient(0), "TIFF")})
    add(negbuild, "more", "wall")
    assert confirm() == 13
    assert execute(project, "SELECT count(*) FROM pairs WHERE twins") == [(7,)]


@pytest.mark.parametrize(("fault", "said"), [("lost", "is lost from"), ("cut", "is damaged in")])
def test_a_plain_picture_that_is_lost_or_damaged_is_named(
    project: Path, negbuild: Negbuild, fault: str, said: str
) -> None:
    assert negbuild("dedup").code == 0
    [(sha256,)] = execute(project, "SELECT sha256 FROM candidates WHERE title = 'g3.png'")
    file = project / "images" / sha256[:2] / f"{sha256}.png"
    if fault == "lost":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:300])
    fill(project / "more", {"more.tif": encoded(gradient(0), "TIFF")})
    add(negbuild, "more", "wall")
    done = negbuild("dedup")
    assert (done.code, f"picture {sha256} (" in done.err, f"{said} the store" in done.err) == (1, True, True)


def test_pixels_are_equal_whatever_the_format_says_of_them() -> None:
    image = gradient(5)
    turned = image.transpose(Image.Transpose.ROTATE_90)  # and back by EXIF
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = image.convert("RGBA")
    clear.putalpha(255)
    files = [
        encoded(image, "PNG"),
        encoded(image, "BMP"),
        encoded(image, "WEBP", lossless=True),
        encoded(turned, "PNG", exif=exif),
        encoded(clear, "PNG"),
    ]
    assert {pixels_of(data) for data in files} == {pixels_of(files[0])}
    grey = image.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    assert pixels_of(encoded(deep, "PNG")) == pixels_of(encoded(grey, "PNG"))
    jpeg = encoded(image, "JPEG", quality=90)
    assert pixels_of(encoded(Image.open(io.BytesIO(jpeg)), "PNG")) == pixels_of(jpeg)


def test_one_other_pixel_is_another_picture() -> None:
    image = gradient(5)
    other = image.copy()
    other.putpixel((639, 479), (1, 2, 3))
    square, tall = (Image.new("RGB", size, "grey") for size in ((90, 120), (120, 90)))
    assert len({pixels_of(encoded(one, "PNG")) for one in (image, other, image.resize((320, 240)))}) == 3
    assert square.tobytes() == tall.tobytes()
    assert len({pixels_of(encoded(gradient(1, size), "PNG")) for size in ((90, 120), (120, 90))}) == 2


def test_the_first_plain_one_stands_for_all_and_two_that_are_not_plain_are_left_to_others() -> None:
    prints = [
        ("near", Fingerprint(b"", PLAIN_TEXTURE)),
        ("a", Fingerprint(b"", PLAIN_TEXTURE - 0.001)),
        ("photo", Fingerprint(b"", EXACT_TEXTURE)),
        ("b", Fingerprint(b"", 0.5)),
        ("nearer", Fingerprint(b"", PLAIN_TEXTURE + 0.1)),
        ("c", Fingerprint(b"", 0.5)),
    ]
    plain = exact(prints)
    assert list(plain) == ["near", "a", "b", "nearer", "c"]
    pairs = equal_pairs(plain, dict.fromkeys(plain, "1x1 same"))
    assert [(pair.older, pair.newer) for pair in pairs] == [("near", "a"), ("a", "b"), ("a", "nearer"), ("a", "c")]
    assert equal_pairs(plain, {"near": "1x1 same", "nearer": "1x1 same", "b": "1x1 other"}) == []
    assert equal_pairs(plain, {}) == []


def test_texture_is_known_before_the_fingerprint_is(photo: Photo) -> None:
    for data in (photo(1), encoded(gradient(1), "PNG")):
        reduced = grids(inspected(data).thumbnail)
        assert texture(reduced) == fingerprints([reduced])[0].texture
    assert texture(reduced) < PLAIN_TEXTURE
