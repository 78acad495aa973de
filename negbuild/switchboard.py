"""What all calls of a run share, so that many errands hold open no more files than one."""

import threading

from negbuild.deadline import Adapter
from negbuild.ledger import Ledger


class Switchboard:
    """Connections that are kept for the next call, and the ledger; safe to be used by several threads."""

    def __init__(self) -> None:
        self.adapter = Adapter()
        """Makes and keeps the connections."""
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()

    def ledger(self) -> Ledger:
        """Open the ledger, where it is not open yet; raises UsageError where it cannot be used."""
        with self._lock:
            self._ledger = self._ledger or Ledger()
            return self._ledger

    def close(self) -> None:
        """Close all of it."""
        self.adapter.close()
        with self._lock:
            if self._ledger:
                self._ledger.close()
