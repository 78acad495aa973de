"""The calls made to services that grant only so many: remembered across runs and workspaces, since the service does."""

import math
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import platformdirs

from negbuild.database import Database, Layout
from negbuild.errors import CatalogError, UsageError
from negbuild.schema import execute
from negbuild.source import Allowance

_CALLS = """\
-- Calls to services that grant so many in so much time, whichever workspace they were made for.
CREATE TABLE calls (
    service TEXT NOT NULL,            -- host of the service
    at REAL NOT NULL                  -- Unix time
) STRICT;
CREATE INDEX calls_by_service ON calls (service, at);
"""


_LAYOUT = Layout(0x6E65676C, (partial(execute, _CALLS),))  # "negl"


def ledger_path() -> Path:
    """Place of this person's ledger: NEGBUILD_LEDGER, or where the system keeps such things."""
    place = os.environ.get("NEGBUILD_LEDGER")
    return Path(place) if place else Path(platformdirs.user_state_dir("negbuild", appauthor=False)) / "calls.sqlite"


class Ledger:
    """One file that all negbuild processes of a person share."""

    def __init__(self) -> None:
        """Use the person's file, made if it is not there; raises UsageError where it cannot be used."""
        path = ledger_path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = Database(path, _LAYOUT)
        except (OSError, CatalogError) as error:
            why = (isinstance(error, OSError) and error.strerror) or "it is no such file, or damaged"
            raise UsageError(
                f"{path}: calls to services cannot be counted here ({why}); "
                "remove it, or set NEGBUILD_LEDGER to a file that can be made"
            ) from error
        self.close = self._file.close

    def spend(self, service: str, allowances: Sequence[Allowance]) -> float:
        """Count one call to a service and return 0; or, where none is left, return the seconds until one is."""
        with self._file.transaction():
            now = time.time()
            # A clock that was set back leaves calls in the future: they count as made now, and grow old from now on.
            self._file.run("UPDATE calls SET at = ? WHERE service = ? AND at > ?", [(now, service, now)])
            wait = max((self._wait(service, allowance, now) for allowance in allowances), default=0.0)
            if wait == 0:
                oldest = now - max((allowance.seconds for allowance in allowances), default=0)
                self._file.run("DELETE FROM calls WHERE service = ? AND at <= ?", [(service, oldest)])
                self._file.run("INSERT INTO calls VALUES (?, ?)", [(service, now)])
        return wait

    def _wait(self, service: str, allowance: Allowance, now: float) -> float:
        """Seconds until the oldest of the last so many calls is long enough ago."""
        oldest = self._file.read(
            float,
            "SELECT at FROM calls WHERE service = ? AND at > ? ORDER BY at DESC LIMIT 1 OFFSET ?",
            *(service, now - allowance.seconds, allowance.calls - 1),
        )
        return max(0.001, math.ceil((oldest[0] + allowance.seconds - now) * 1000) / 1000) if oldest else 0.0
