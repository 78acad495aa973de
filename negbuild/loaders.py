"""How seven loaders read one tree of folders: the index of each class, and the files they take. Pure: names in.

torchvision ImageFolder              folders sorted, links followed; hidden folders are classes, empty ones stop it
Keras image_dataset_from_directory   sorted, hidden folders left out; five extensions
Keras flow_from_directory            sorted, hidden folders are classes; extensions without their dot
timm ImageDataset                    the innermost folder is the class; numbers sort by value, case does not count
fastai from_folder                   the classes of `train`; exactly split/class/file; hidden ones left out
Hugging Face imagefolder             classes of all splits together; words in names of folders make splits
Ultralytics classify                 torchvision's classes in each split, but numbered as in `train`

The rules are in our own words, from the sources of torchvision 0.18 on (folder.py), Keras 3 (dataset_utils.py and
legacy/preprocessing/image.py), timm 1 (reader_image_folder.py), fastai 2 (data/transforms.py), datasets 5.2
(data_files.py and folder_based_builder.py) and Ultralytics 8.3 (data/utils.py), with the defaults of each.
"""

import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import PurePosixPath

_TORCHVISION = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_KERAS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_KERAS_FLOW = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")
_TIMM = (".png", ".jpg", ".jpeg")
_FASTAI = {extension for extension, kind in mimetypes.MimeTypes().types_map[True].items() if kind.startswith("image/")}
_PILLOW = """
.apng .blp .bmp .bufr .bw .cur .dcx .dds .dib .emf .eps .fit .fits .flc .fli .ftc .ftu .gbr .gif .grib .h5 .hdf
.icb .icns .ico .iim .im .j2c .j2k .jfif .jp2 .jpc .jpe .jpeg .jpf .jpg .jpx .mpeg .mpg .msp .pbm .pcd .pcx .pgm
.png .pnm .ppm .ps .psd .pxr .ras .rgb .rgba .sgi .tga .tif .tiff .vda .vst .webp .wmf .xbm .xpm
"""
_HUGGING_FACE = frozenset(_PILLOW.split())  # as datasets lists them
_ULTRALYTICS = tuple(extension for extension in _TORCHVISION if extension not in {".ppm", ".pgm"})

_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_METADATA = {"metadata.csv", "metadata.jsonl", "metadata.parquet"}

TRAIN = "train"
"""The folder from which fastai and Ultralytics take their classes."""


@dataclass(frozen=True, slots=True)
class Configs:
    """What README.md tells Hugging Face: the folder of each split by its name there, and whether labels are kept."""

    folders: Mapping[str, str]
    keeps_labels: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """Names below a folder, relative, with slashes: files, folders, and which of the folders are links.

    What lies behind links to folders is listed too. `configs` is None where README.md says nothing about splits.
    """

    files: Sequence[str]
    folders: Sequence[str]
    links: frozenset[str] = frozenset()
    configs: Configs | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a loader makes of one split: index of each class, class of each file, and why it stumbles, if it does."""

    indices: dict[str, int]
    labels: dict[str, str]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Loader:
    """A loader by name, and its rule: a tree and the folder of a split ("" for a tree without splits).

    `vocabulary` says which classes it numbers: those of the "split" itself, of "train", or of "all" splits; `folders`
    holds the names of splits that it finds by itself, and is empty where the folder is named by hand.
    """

    name: str
    read: Callable[[Tree, str], Reading]
    vocabulary: str = "split"
    folders: frozenset[str] = field(default_factory=frozenset)


def _torchvision(tree: Tree, split: str) -> Reading:
    reading = _by_top_folder(tree, split, sorted(_children(tree, split)), _TORCHVISION)
    empty = sorted(reading.indices.keys() - reading.labels.values())
    fault = f"error at a class without pictures: {', '.join(empty)}" if empty else ""
    return Reading(reading.indices, reading.labels, fault)


def _keras(tree: Tree, split: str) -> Reading:
    classes = [name for name in sorted(_children(tree, split)) if not name.startswith(".")]
    return _by_top_folder(_without_links(tree, split), split, classes, _KERAS)


def _keras_flow(tree: Tree, split: str) -> Reading:
    return _by_top_folder(_without_links(tree, split), split, sorted(_children(tree, split)), _KERAS_FLOW)


def _timm(tree: Tree, split: str) -> Reading:
    labels = {file: _folder(inner) for file, inner in _below(tree, split) if _suffix(file) in _TIMM}
    classes = sorted(sorted(set(labels.values())), key=natural_key)
    equal = [f"{one} and {other}" for one, other in pairwise(classes) if natural_key(one) == natural_key(other)]
    fault = f"no order of {', '.join(equal)}, which are equal to it" if equal else ""
    return Reading(_numbered(classes), labels, fault)


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return what timm sorts by: case does not count, and digits count as the number that they write."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name.lower())]


def _fastai(tree: Tree, split: str) -> Reading:
    vocabulary = TRAIN if split and TRAIN in _children(tree, "") else split
    indices = _numbered(sorted(set(_fastai_labels(tree, vocabulary).values())))
    labels = _fastai_labels(tree, split)
    strange = sorted(set(labels.values()) - indices.keys())
    fault = f"error at a class that {vocabulary} does not have: {', '.join(strange)}" if strange else ""
    return Reading(indices, labels, fault)


def _fastai_labels(tree: Tree, split: str) -> dict[str, str]:
    return {
        file: _folder(file)
        for file in tree.files
        if not split or f"/{file}".endswith(f"/{split}/{_folder(file)}/{_name(file)}")
        if not _is_hidden(file) and f".{file.lower().rpartition('.')[2]}" in _FASTAI
    }


def _hugging_face(tree: Tree, split: str) -> Reading:
    splits = _hugging_face_splits(_without_links(tree))
    seen = [file for files in splits.values() for file in files]
    pictures = {file for file in seen if _suffix(file) in _HUGGING_FACE}
    classes = sorted({_folder(file) for file in pictures})
    metadata = sorted(file for file in seen if _name(file) in _METADATA)
    depths = {file.count("/") for file in pictures}
    name = _hugging_face_name(tree, split)
    if name not in splits:
        return Reading(
            {}, {}, "this folder is not read" if split else f"folders are taken for splits: {', '.join(splits)}"
        )
    if metadata:
        return Reading({}, {}, f"no labels, but the columns of {metadata[0]}")
    if not (tree.configs and tree.configs.keeps_labels) and (len(classes) == 1 or len(depths) > 1):
        why = "there is one class alone" if len(classes) == 1 else "folders are nested to different depths"
        return Reading({}, {}, f"no labels, as {why}")
    labels = {file: _folder(file) for file in splits[name] if file in pictures}
    return Reading(_numbered(classes), labels)


def _hugging_face_splits(tree: Tree) -> dict[str, list[str]]:
    """Files of each split, pictures or not; one file may be in several."""
    files = [file for file in tree.files if not _is_hidden(file) and "/__" not in f"/{file}".rpartition("/")[0]]
    if tree.configs:
        return {
            name: [file for file in files if file.startswith(f"{folder}/")]
            for folder, name in tree.configs.folders.items()
        }
    for inner in (lambda file: file.rpartition("/")[0], _name):
        found = {name: [file for file in files if _has_word(inner(file), words)] for name, words in _WORDS.items()}
        if any(found.values()):
            return {name: of for name, of in found.items() if of}
    return {TRAIN: files} if files else {}


@lru_cache(maxsize=4096)
def _has_word(path: str, words: tuple[str, ...]) -> bool:
    """Whether a word stands in a name, between the ends of that, digits and any of `-._ `."""
    return bool(re.search(rf"(?:^|[-._ 0-9/])(?:{'|'.join(words)})(?:$|[-._ 0-9/])", path))


def _hugging_face_name(tree: Tree, split: str) -> str:
    if tree.configs:
        return tree.configs.folders.get(split, "")
    return next((name for name, words in _WORDS.items() if _has_word(split, words)), "" if split else TRAIN)


def _ultralytics(tree: Tree, split: str) -> Reading:
    reading = _by_top_folder(tree, split, sorted(_children(tree, split)), _ULTRALYTICS)
    trained = _numbered(sorted(_children(tree, TRAIN))) if split and TRAIN in _children(tree, "") else reading.indices
    shifted = sorted(name for name, index in reading.indices.items() if trained.get(name) != index)
    fault = f"other indices than in {TRAIN} for {', '.join(shifted)}" if shifted else ""
    return Reading(reading.indices, reading.labels, fault)


def _name(file: str) -> str:
    return file.rpartition("/")[2]


def _folder(file: str) -> str:
    """Name of the folder that a file lies in directly."""
    return file.rpartition("/")[0].rpartition("/")[2]


def _suffix(file: str) -> str:
    """Extension of a file, in small letters; a name that is all extension has none."""
    return PurePosixPath(_name(file)).suffix.lower() if "." in file else ""


def _is_hidden(file: str) -> bool:
    return "/." in f"/{file}"


def _by_top_folder(tree: Tree, split: str, classes: Sequence[str], endings: tuple[str, ...]) -> Reading:
    """Label every file by the folder of the split that it lies in, at any depth."""
    indices = _numbered(classes)
    labels = {
        file: top
        for file, inner in _below(tree, split)
        if (top := inner.partition("/")[0]) != inner and top in indices and file.lower().endswith(endings)
    }
    return Reading(indices, labels)


def _below(tree: Tree, split: str) -> Iterator[tuple[str, str]]:
    """Files of a split, by their names in the tree and in the split."""
    start = f"{split}/" if split else ""
    yield from ((file, file.removeprefix(start)) for file in tree.files if file.startswith(start))


def _children(tree: Tree, split: str) -> set[str]:
    """Names of the folders that lie directly in a split."""
    start = f"{split}/" if split else ""
    inner = {folder.removeprefix(start) for folder in tree.folders if folder.startswith(start)}
    return {name for name in inner if name and "/" not in name}


def _without_links(tree: Tree, split: str | None = None) -> Tree:
    """Leave out what lies behind links to folders; those of classes themselves are followed where a split is given."""
    classes = set() if split is None else {f"{split}/{name}" if split else name for name in _children(tree, split)}
    closed = tuple(f"{link}/" for link in tree.links - classes)
    return Tree([file for file in tree.files if not file.startswith(closed)], tree.folders, tree.links, tree.configs)


def _numbered(classes: Sequence[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(classes)}


LOADERS = (
    Loader("torchvision ImageFolder", _torchvision),
    Loader("Keras image_dataset_from_directory", _keras),
    Loader("Keras flow_from_directory", _keras_flow),
    Loader("timm", _timm),
    Loader("fastai", _fastai, TRAIN, frozenset({TRAIN, "valid"})),
    Loader("Hugging Face imagefolder", _hugging_face, "all"),
    Loader("Ultralytics classify", _ultralytics, TRAIN, frozenset({TRAIN, "val", "validation", "valid", "test"})),
)
"""The first of them is what the others are compared with."""
