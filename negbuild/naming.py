"""Names candidates in a thread of its own, as many as are wanted and no more: a source may take its time."""

import threading
from collections.abc import Callable, Iterable, Iterator

from negbuild.errors import SourceError
from negbuild.model import Candidate, Image, Skip, SkipReason

MOST_IN_VAIN = 512
"""Candidates of one service in a row whose hosts are down, or rest for long: it is not asked for more of them then."""

_CLOSED = {SkipReason.HOST_DOWN, SkipReason.THROTTLED}


class Naming:
    """A source being asked. The thread is a daemon: a service that is slow to answer holds up no ending."""

    def __init__(self, candidates: Iterator[Candidate], notify: Callable[[], object], service: str = "") -> None:
        """Take candidates from the iterator; call `notify`, in that thread, whenever there is something new.

        `service` is the name of a source that is asked over the web: what it grants is not spent in vain.
        """
        self._candidates, self.service, self._in_vain = candidates, service, 0
        self._notify: Callable[[], object] = notify
        self._changed = threading.Condition(threading.RLock())
        self._named: list[Candidate] = []
        self._wanted = 0
        self._over = False
        self._error: BaseException | None = None
        self.refusal: SourceError | None = None
        threading.Thread(target=self._run, name="naming", daemon=True).start()

    def want(self, number: int) -> None:
        """Have so many candidates named beyond those taken; the source is asked for no more than that."""
        with self._changed:
            idle, self._wanted = self._wanted <= 0, max(0, number - len(self._named))
            if idle and self._wanted:  # waking the thread for nothing would stop everybody for a moment
                self._changed.notify()

    def take(self) -> list[Candidate]:
        """Take what was named since; raises what the source raised, other than its own refusal."""
        with self._changed:
            if self._error:
                raise self._error
            named, self._named = self._named, []
            return named

    def note(self, outcomes: Iterable[Image | Skip]) -> None:
        """Note what became of candidates; where all are in vain, name nothing more, and say so as a refusal."""
        for outcome in outcomes:
            closed = isinstance(outcome, Skip) and outcome.reason in _CLOSED
            self._in_vain = self._in_vain + 1 if closed else 0
        if self.service and self._in_vain >= MOST_IN_VAIN:
            self.refusal = SourceError(
                f"source {self.service}: the last {self._in_vain} pictures lie on hosts that are down or busy; "
                "try them later with: negbuild crawl --retry"
            )
            self.stop()

    @property
    def over(self) -> bool:
        """Whether the source has no more, and everything was taken."""
        with self._changed:
            return self._over and not self._named and self._error is None

    def stop(self) -> None:
        """Name nothing more."""
        with self._changed:
            self._over, self._notify = True, _nobody
            self._changed.notify()

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._wanted > 0 or self._over)
                    if self._over:
                        return
                candidate = next(self._candidates, None)
                with self._changed:
                    if candidate is None or self._over:
                        return
                    self._named.append(candidate)
                    self._wanted -= 1
                    if len(self._named) == 1:
                        self._notify()
        except SourceError as refusal:
            self.refusal = refusal
        except BaseException as error:  # noqa: BLE001  raised again where it is waited for
            self._error = error
        finally:
            with self._changed:
                self._over = True
                self._notify()


def _nobody() -> None:
    """Notify nobody: the run has ended."""
