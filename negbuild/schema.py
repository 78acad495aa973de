"""The schema of the catalog as commented SQL, in the ordered steps that brought it there."""

from collections.abc import Callable
from functools import partial

Run = Callable[[str], object]
"""Executes one SQL statement."""

SCHEMA = """\
-- A category of pictures and what it is to the classifier.
CREATE TABLE categories (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('known', 'unknown', 'unseen'))
) STRICT;

-- The pictures held, in images/; rowid is the order in which they came.
CREATE TABLE images (
    sha256 TEXT NOT NULL UNIQUE,      -- of the bytes as they came, hex
    format TEXT NOT NULL,             -- as sniffed, Pillow's name
    width INTEGER NOT NULL,           -- pixels, upright
    height INTEGER NOT NULL,
    size INTEGER NOT NULL             -- bytes
) STRICT;

-- What a source named and negbuild tried, once for each category it was found for: an image, or a skip.
CREATE TABLE candidates (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    source_id TEXT NOT NULL,          -- names the picture within its source for ever
    url TEXT NOT NULL,
    page TEXT NOT NULL,               -- landing page; '' where there is none
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    author_url TEXT NOT NULL,
    license TEXT NOT NULL,            -- SPDX, the source's own term, or 'unknown'
    license_url TEXT NOT NULL,
    width INTEGER,                    -- as the source states it
    height INTEGER,
    category TEXT NOT NULL REFERENCES categories,
    query TEXT NOT NULL,              -- '' for sources that take none
    sha256 TEXT REFERENCES images (sha256),  -- the image it led to
    reason TEXT,                      -- null: brought a new image; else why it did not
    detail TEXT NOT NULL,             -- what exactly was seen
    "limit" INTEGER,                  -- what refused it: pixels or bytes; null where no limit did
    UNIQUE (source, source_id, category),
    CHECK (sha256 IS NOT NULL OR reason IS NOT NULL)
) STRICT;
CREATE INDEX candidates_by_image ON candidates (sha256);

CREATE TABLE fingerprints (
    sha256 TEXT PRIMARY KEY REFERENCES images (sha256),
    version TEXT NOT NULL,            -- fingerprint.VERSION
    codes BLOB NOT NULL,              -- 8 orientations x (pHash, dHash, vertical dHash) x 8 bytes
    texture REAL NOT NULL             -- mean step between neighbouring pixels, grey levels
) STRICT;

-- Images that look alike, found when the newer one came.
CREATE TABLE pairs (
    older TEXT NOT NULL REFERENCES images (sha256),
    newer TEXT NOT NULL REFERENCES images (sha256),
    distance INTEGER NOT NULL,        -- differing bits of 192, best of 8 orientations
    orientation INTEGER NOT NULL,     -- of the newer one
    twins INTEGER NOT NULL,           -- 1: copies of each other; 0: only alike
    PRIMARY KEY (older, newer)
) STRICT;

-- Copies that dedup set aside; nothing is deleted.
CREATE TABLE drops (
    sha256 TEXT PRIMARY KEY REFERENCES images (sha256),
    keeper TEXT NOT NULL REFERENCES images (sha256),
    distance INTEGER NOT NULL
) STRICT;

-- The split plan, kept so that later pictures never move earlier ones.
CREATE TABLE assignments (
    sha256 TEXT PRIMARY KEY REFERENCES images (sha256),
    split TEXT NOT NULL CHECK (split IN ('train', 'valid', 'test', 'unseen'))
) STRICT;
"""


STATES = """\
-- Unix time before which a candidate that failed for now is not tried again; null: at any time.
ALTER TABLE candidates ADD COLUMN retry_at INTEGER;
-- What the host said of the file's version, for asking again only whether it changed.
ALTER TABLE candidates ADD COLUMN etag TEXT NOT NULL DEFAULT '';
ALTER TABLE candidates ADD COLUMN last_modified TEXT NOT NULL DEFAULT '';
-- The address as addresses.address_key() writes it, the same for the same file; '' for files of this machine.
ALTER TABLE candidates ADD COLUMN address TEXT NOT NULL DEFAULT '';
UPDATE candidates SET address = address_key(url);
CREATE INDEX candidates_by_address ON candidates (address) WHERE address <> '';

-- Candidates that a source named and that were not tried yet: the columns of candidates, and the host of the address.
CREATE TABLE pending (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    source_id TEXT NOT NULL,
    url TEXT NOT NULL,
    page TEXT NOT NULL,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    author_url TEXT NOT NULL,
    license TEXT NOT NULL,
    license_url TEXT NOT NULL,
    width INTEGER,
    height INTEGER,
    category TEXT NOT NULL REFERENCES categories,
    query TEXT NOT NULL,
    host TEXT NOT NULL,
    UNIQUE (source, source_id, category)
) STRICT;
CREATE INDEX pending_by_host ON pending (source, query, host);
"""


CONFIRMATION = """\
-- Why the two are twins or are not, and where a place of the older one lies in the newer one: 2 x 3 numbers, JSON.
ALTER TABLE pairs ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE pairs ADD COLUMN alignment TEXT NOT NULL DEFAULT '';

-- Images whose pairs with all that came before were looked at pixel by pixel.
CREATE TABLE confirmed (
    sha256 TEXT PRIMARY KEY REFERENCES images (sha256),
    version TEXT NOT NULL             -- alignment.VERSION
) STRICT;

-- How many pairs were looked at and are of other content, by distance in bits of 192.
CREATE TABLE refused (
    distance INTEGER PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT;
"""


VERDICTS = """\
-- What a person decided on a picture, in order; the last row of a picture counts, and none is ever changed.
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,             -- whether it is held now or not
    verdict TEXT NOT NULL             -- '': undecided again
        CHECK (verdict IN ('keep', 'drop', 'unsure', 'move', 'duplicate', '')),
    category TEXT NOT NULL,           -- the known category it was moved to; else ''
    at REAL NOT NULL,                 -- Unix time
    step INTEGER NOT NULL,            -- what was decided at once: one press of a key, on however many pictures
    kind TEXT NOT NULL CHECK (kind IN ('set', 'undo', 'redo'))  -- undo: as before the last step not undone yet
) STRICT;
CREATE INDEX verdicts_by_image ON verdicts (sha256, id);
CREATE INDEX verdicts_by_step ON verdicts (step, kind);
"""


CHILDREN = """\
-- Pictures made from one held: its augmented copies. They share its split, label, origin and licence.
CREATE TABLE children (
    sha256 TEXT PRIMARY KEY,          -- of their bytes, which lie in images/ too
    parent TEXT NOT NULL REFERENCES images (sha256),
    copy INTEGER NOT NULL,            -- number among the children of the parent, from 1
    seed INTEGER NOT NULL,            -- what drew it
    recipe TEXT NOT NULL,             -- preset or pipeline, attempt and library with its version, as JSON
    background TEXT REFERENCES images (sha256),  -- what it was pasted on; null: nothing
    format TEXT NOT NULL,
    width INTEGER NOT NULL,           -- pixels
    height INTEGER NOT NULL,
    size INTEGER NOT NULL,            -- bytes
    UNIQUE (parent, copy)
) STRICT;
"""


GUARDS = """\
-- Pictures of other datasets: nothing that is a copy of them may enter a split.
CREATE TABLE guards (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, so that guard_checks stays true
    place TEXT NOT NULL,              -- the folder or archive, on this machine
    name TEXT NOT NULL,               -- of the first file in it with these bytes
    sha256 TEXT NOT NULL,
    version TEXT NOT NULL,            -- fingerprint.VERSION
    codes BLOB NOT NULL,              -- as in fingerprints
    texture REAL NOT NULL,
    thumbnail BLOB NOT NULL,          -- grey, PNG: tells all the rest without the place being there
    UNIQUE (sha256, place)
) STRICT;

-- Images that are copies of a guard.
CREATE TABLE guarded (
    sha256 TEXT NOT NULL REFERENCES images (sha256),
    guard INTEGER NOT NULL REFERENCES guards (id) ON DELETE CASCADE,
    distance INTEGER NOT NULL,        -- differing bits of 192, best of 8 orientations
    reason TEXT NOT NULL,             -- what told that; '' as long as only fingerprints did
    PRIMARY KEY (sha256, guard)
) STRICT;
CREATE INDEX guarded_by_guard ON guarded (guard);

-- Images that were looked at beside all guards up to one, pixel by pixel.
CREATE TABLE guard_checks (
    sha256 TEXT PRIMARY KEY REFERENCES images (sha256),
    guard INTEGER NOT NULL,           -- the last of them
    version TEXT NOT NULL             -- of fingerprints and of looking
) STRICT;
"""


FOLDS = """\
-- Negatives that the last plan did not use: more than were asked for. They keep the place they had, if any.
CREATE TABLE unused (
    sha256 TEXT PRIMARY KEY REFERENCES images (sha256)
) STRICT;

-- Where pictures go in the folds in which their category is not the unseen one; assignments win where they say more.
CREATE TABLE fold_places (
    sha256 TEXT PRIMARY KEY REFERENCES images (sha256),
    split TEXT NOT NULL CHECK (split IN ('train', 'valid', 'test'))
) STRICT;

-- In which of so many folds each negative category is the unseen one.
CREATE TABLE folds (
    number INTEGER NOT NULL,          -- of folds in all
    category TEXT NOT NULL REFERENCES categories,
    fold INTEGER NOT NULL,            -- from 1
    PRIMARY KEY (number, category)
) STRICT;
"""


SKETCHES = """\
-- Images as the first look at a pair needs them, so that none is decoded again for a picture that came later.
CREATE TABLE sketches (
    sha256 TEXT PRIMARY KEY REFERENCES images (sha256),
    version TEXT NOT NULL,            -- of thumbnails and of looks
    rough BLOB NOT NULL,              -- 32 x 32 int8: contrast evened out, row by row
    aspect REAL NOT NULL,             -- width / height
    textured INTEGER NOT NULL         -- blocks of 36 with detail
) STRICT;
"""


GUARD_SKETCHES = """\
-- The same columns of the pictures of other datasets.
CREATE TABLE guard_sketches (
    guard INTEGER PRIMARY KEY REFERENCES guards (id) ON DELETE CASCADE,
    version TEXT NOT NULL,
    rough BLOB NOT NULL,
    aspect REAL NOT NULL,
    textured INTEGER NOT NULL
) STRICT;
"""


PIXELS = """\
-- Size of a picture too plain for fingerprints, and a SHA-256 of its upright 8-bit RGB pixels: only equal ones are
-- copies. Empty for all others, and for what an older negbuild kept out.
ALTER TABLE guards ADD COLUMN pixels TEXT NOT NULL DEFAULT '';
"""


SERVICES = """\
-- Hosts of the services that a person gave for a source, in place of its own: also when all is tried again later, they
-- are that source. No more of the address, which may hold a password.
CREATE TABLE services (
    source TEXT NOT NULL,
    host TEXT NOT NULL,
    PRIMARY KEY (source, host)
) STRICT;
"""


BY_ADDRESS = """\
-- What is known of an address is one row to read, however many names have led there: an image, else the last try.
DROP INDEX candidates_by_address;
CREATE INDEX candidates_by_address ON candidates (address, sha256 IS NULL, id DESC) WHERE address <> '';
"""


def execute(script: str, run: Run) -> None:
    """Run the statements of a script."""
    for statement in script.split(";\n"):
        run(statement)


SCRIPTS = (
    SCHEMA,
    STATES,
    CONFIRMATION,
    VERDICTS,
    CHILDREN,
    GUARDS,
    FOLDS,
    SKETCHES,
    GUARD_SKETCHES,
    PIXELS,
    SERVICES,
    BY_ADDRESS,
)
"""In order; the number of those executed is the file's `user_version`."""

MIGRATIONS: tuple[Callable[[Run], None], ...] = tuple(partial(execute, script) for script in SCRIPTS)
