"""The folder of a project: its catalog, its pictures, its settings."""

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from negbuild.catalog import Catalog
from negbuild.database import writer_lock
from negbuild.errors import CatalogError, NegbuildError, PictureLost, UsageError, typed
from negbuild.store import Store, explaining_full_disk

CATALOG = "catalog.sqlite"
IMAGES = "images"
CACHE = "cache"
SETTINGS = "negbuild.toml"
THUMBNAILS = "thumbnails"

_SETTINGS_TEMPLATE = """\
# Settings of this workspace. The command line wins over the environment, the environment over this file.

# Whom a webmaster may write to; goes into the User-Agent of every request (--contact, NEGBUILD_CONTACT).
# contact = "you@example.org"

# Percent of train, valid and test (--ratio, NEGBUILD_RATIO).
# ratio = "70/15/15"
"""


class Workspace:
    """A project folder; every stage works on one."""

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is read or made yet."""
        self.root = root
        self.store = Store(root / IMAGES)
        self.cache = root / CACHE  # what can be made again; safe to delete

    @property
    def exists(self) -> bool:
        """Whether the folder is a workspace."""
        return (self.root / CATALOG).is_file()

    def make(self) -> bool:
        """Make what is missing of the workspace; return whether there was none. Safe to interrupt and repeat.

        Raises UsageError where something else lies in the way.
        """
        new = not self.exists
        if not new:
            with self.reading():  # refuses a catalog that is not negbuild's before anything is touched
                pass
        images = self.root / IMAGES
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"{self.root}: is a file; choose a folder")
        if new and self._holds_pictures:
            raise UsageError(f"{images}: is not empty, and not negbuild's; run: negbuild init NEW_FOLDER")
        try:
            with explaining_full_disk(self.root):
                self.root.mkdir(parents=True, exist_ok=True)
                self.store.make()
                if not (self.root / SETTINGS).exists():
                    (self.root / SETTINGS).write_text(_SETTINGS_TEMPLATE, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{error.filename}: cannot be made ({error.strerror})") from error
        with self._writing():
            return new

    @contextmanager
    def reading(self) -> Iterator[Catalog]:
        """Open the catalog for looking, while another process may write; raises UsageError where there is none."""
        self._require()
        catalog = Catalog(self.root / CATALOG)
        try:
            yield catalog
        finally:
            catalog.close()

    @property
    def thumbnails(self) -> Path:
        """Folder of small pictures, made when they are looked at; safe to delete."""
        return self.root / THUMBNAILS

    @contextmanager
    def judging(self) -> Iterator[Catalog]:
        """Open the catalog for looking and for verdicts, while another process may write.

        A verdict is a short transaction of its own, which SQLite puts in line with those of a stage that is at work.
        """
        with self.reading() as catalog:
            yield catalog

    @contextmanager
    def writing(self) -> Iterator[Catalog]:
        """Open the catalog as its only writer, what a killed run left between cleared up.

        Raises WorkspaceBusy where another negbuild is writing, UsageError where there is no workspace.
        """
        self._require()
        with self._writing() as catalog:
            yield catalog

    @contextmanager
    def _writing(self) -> Iterator[Catalog]:
        with writer_lock(self.root / "catalog.lock"):
            catalog = Catalog(self.root / CATALOG)
            try:
                self.store.make()
                self.store.recover(catalog.stored)
                yield catalog
            except PictureLost as error:  # who met it knows its SHA-256 alone
                raise _told(error, catalog) from error
            finally:
                catalog.close()

    def _require(self) -> None:
        catalog = self.root / CATALOG
        if not self.exists:
            raise UsageError(f"{self.root}: not a negbuild workspace; run: negbuild init {typed(self.root)}")
        if not catalog.stat().st_size and self._holds_pictures:  # SQLite would begin a new one in it
            raise CatalogError(
                f"{catalog}: is empty, and images/ is not; put back a copy of it, or start in a new folder"
            )

    @property
    def _holds_pictures(self) -> bool:
        images = self.root / IMAGES
        return images.is_dir() and bool({path.name for path in images.iterdir()} - {"incoming"})

    def own_pictures(self) -> tuple[Path, ...]:
        """Folders in which negbuild keeps pictures: those held, their augmented copies, and what is made of them."""
        # The folder of pictures may be a link to another disk, and is in both places then.
        images = self.root / IMAGES
        return (images.resolve(), self.root.resolve() / IMAGES, self.cache.resolve(), self.thumbnails.resolve())

    def setting(self, name: str) -> str:
        """Return one setting from the environment, else from negbuild.toml, else nothing."""
        variable = os.environ.get(f"NEGBUILD_{name.upper()}")
        return variable if variable is not None else str(self._settings().get(name, ""))

    def _settings(self) -> dict[str, object]:
        file = self.root / SETTINGS
        try:
            return tomllib.loads(file.read_text(encoding="utf-8-sig"))  # some editors mark it
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: cannot be read ({error})") from error


def _told(lost: PictureLost, catalog: Catalog) -> NegbuildError:
    """Say of a lost picture what it is, and how it comes back."""
    if held := catalog.images(among={lost.sha256}).get(lost.sha256):
        return PictureLost(lost.sha256, lost.damage, f"{held.category}, {held.origin.url}")
    fault = "damaged in" if lost.damage else "lost from"
    return NegbuildError(
        f"picture {lost.sha256}: made by augment, is {fault} the store; run: negbuild augment --undo, and augment again"
    )
