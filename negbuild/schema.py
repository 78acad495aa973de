"""The schema of the catalog as commented SQL, and the ordered steps that brought it there."""

from collections.abc import Callable

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


def m001_initial(run: Run) -> None:
    """Make the tables."""
    for statement in SCHEMA.split(";\n"):
        run(statement)


MIGRATIONS: tuple[Callable[[Run], None], ...] = (m001_initial,)
"""In order; the number of those applied is the file's `user_version`."""
