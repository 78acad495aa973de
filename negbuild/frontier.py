"""Candidates that wait to be fetched: a short queue for each host in memory, the rest in the catalog.

A host that is slow or resting keeps only its own candidates waiting, and memory does not grow with their number. No
candidate waits or is under way twice, in none of the errands of a run: neither under its name, nor under its address.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from negbuild.addresses import address_key
from negbuild.model import NO_VALIDATORS, Candidate, Skip, Validators

LONGEST = 64
"""Candidates of one host that wait in memory, when there is a disk for the rest."""


class Entry(NamedTuple):
    """A candidate that waits, the host to ask; and the version of the file that was skipped before, and why."""

    candidate: Candidate
    host: str
    known: Validators = NO_VALIDATORS
    before: Skip | None = None

    @property
    def keys(self) -> tuple[object, ...]:
        """What no other entry may have in common with this one."""
        address = address_key(self.candidate.url)
        name = _name(self.candidate)
        return (name, address) if address else (name,)


class Once:
    """Tells candidates of any source apart as a crawl does, which asks for no address twice."""

    def __init__(self) -> None:
        self._seen: set[object] = set()

    def is_new(self, candidate: Candidate) -> bool:
        """Whether none that was asked about before has the name or the address of this one."""
        keys = Entry(candidate, "").keys
        new = self._seen.isdisjoint(keys)
        self._seen.update(keys)
        return new


class Counted(NamedTuple):
    """How many candidates of some hosts are under way, wait in memory, and wait on the disk."""

    under_way: int = 0
    waiting: int = 0
    on_disk: int = 0

    @property
    def left(self) -> int:
        """How many are not under way yet."""
        return self.waiting + self.on_disk


@dataclass(slots=True)
class _Queue:
    """What is known of one host: who waits, how many are under way, and how many more the disk has, after which row."""

    waiting: deque[Entry] = field(default_factory=deque)
    under_way: int = 0
    on_disk: int = 0
    cursor: int = 0
    has_turn: bool = False

    @property
    def size(self) -> int:
        return len(self.waiting) + self.under_way + self.on_disk


Claims = dict[object, list[tuple["Frontier", Candidate]]]
"""What waits in memory or is under way, by its keys: whose other candidates wait for what becomes of it."""


class Frontier:
    """The queues of all hosts, which take turns."""

    def __init__(
        self,
        wait: Callable[[str, int], float],
        on_disk: Counter[str],
        *,
        spill: bool,
        claims: Claims | None = None,
    ) -> None:
        """Ask `wait` how many seconds a host with so many under way wants to be left alone.

        `on_disk` counts the candidates of each host that earlier runs left; `spill` says that this one may leave some.
        Frontiers of one run share their `claims`.
        """
        self._wait, self._spill = wait, spill
        self._queues = {host: _Queue(on_disk=number) for host, number in on_disk.items()}
        self._turns: deque[str] = deque()
        self.resting: set[str] = set()
        """Hosts that could not be asked for more when it was their turn."""
        self._dry = set(on_disk)  # hosts of which only the disk has candidates
        self._claims: Claims = {} if claims is None else claims
        self._freed: list[Candidate] = []
        self.behind = 0
        """How many candidates wait for what becomes of another one."""
        self.waiting = 0
        self.on_disk = on_disk.total()

    @property
    def left(self) -> int:
        """How many wait, in memory and on the disk; some may be under way."""
        return self.waiting + self.on_disk

    def add(self, entries: Iterable[Entry], *, spill: bool = True) -> None:
        """Let candidates wait; where a host has a long queue, the disk keeps them, unless they just came from there."""
        for entry in entries:
            queue = self._queues.setdefault(entry.host, _Queue())
            keys = entry.keys
            if claimed := next((key for key in keys if key in self._claims), None):
                self._claims[claimed].append((self, entry.candidate))
                self.behind += 1
            elif self._spill and spill and (queue.on_disk or len(queue.waiting) >= LONGEST):
                queue.on_disk += 1
                self.on_disk += 1
                if not queue.waiting:
                    self._dry.add(entry.host)
            else:
                self._claims |= {key: [] for key in keys}
                queue.waiting.append(entry)
                self.waiting += 1
                self._give_turn(entry.host, queue)

    def next(self) -> Entry | None:
        """Take the next candidate whose host may be asked now."""
        while self._turns:
            host = self._turns.popleft()
            queue = self._queues[host]
            queue.has_turn = False
            if not queue.waiting:
                continue
            if self._wait(host, queue.under_way) > 0:
                self.resting.add(host)
                continue
            entry = queue.waiting.popleft()
            queue.under_way += 1
            self.waiting -= 1
            self._give_turn(host, queue)
            if not queue.waiting and queue.on_disk:
                self._dry.add(host)
            return entry
        return None

    def landed(self, entry: Entry) -> None:
        """Note that a candidate is not under way any more."""
        queue = self._queues[entry.host]
        queue.under_way -= 1
        self._give_turn(entry.host, queue)
        if not queue.size:
            del self._queues[entry.host]
            self.resting.discard(entry.host)

    def settled(self, entry: Entry) -> None:
        """Forget a candidate that was recorded, or given up: those that waited for what becomes of it are free."""
        for key in entry.keys:
            for frontier, candidate in self._claims.pop(key, ()):
                frontier.behind -= 1
                frontier._freed.append(candidate)  # noqa: SLF001  another one of this class

    def is_awaited(self, entry: Entry) -> bool:
        """Whether another errand's candidates wait for what becomes of one."""
        return any(frontier is not self for key in entry.keys for frontier, _ in self._claims.get(key, ()))

    def freed(self) -> list[Candidate]:
        """Take the candidates that wait for no other one any more."""
        freed, self._freed = self._freed, []
        return freed

    def rest(self, given_up: Sequence[Entry] = ()) -> None:
        """Leave all that waits in memory to the disk, and what was `given_up` unrecorded: others may have it now."""
        if not (self.waiting or given_up):
            return
        back = [entry for queue in self._queues.values() for entry in queue.waiting]
        self._turns.clear()
        for entry in [*back, *given_up]:
            queue = self._queues.setdefault(entry.host, _Queue())
            queue.waiting.clear()
            queue.has_turn = False
            queue.on_disk, queue.cursor = queue.on_disk + 1, 0
            self._dry.add(entry.host)
            self.settled(entry)
        self.waiting, self.on_disk = 0, self.on_disk + len(back) + len(given_up)

    def tick(self) -> None:
        """Give the hosts that rested another turn; to be called now and then."""
        for host in list(self.resting):
            self.turn(host)

    def turn(self, host: str) -> None:
        """Give a host another turn, if anything waits for it."""
        self.resting.discard(host)
        if host in self._queues:
            self._give_turn(host, self._queues[host])

    def dry(self, most: int) -> list[tuple[str, int]]:
        """Take some hosts of which more is to be read from the disk, each with the row to read on after."""
        taken = [self._dry.pop() for _ in range(min(most, len(self._dry)))]
        queues = [(host, self._queues[host]) for host in taken if host in self._queues]
        return [(host, queue.cursor) for host, queue in queues if not queue.waiting]

    def read(self, host: str, rows: dict[int, Candidate], *, last: bool) -> list[Candidate]:
        """Note what was read from the disk, `last` if that was all; return those that are not in memory already."""
        queue = self._queues.setdefault(host, _Queue())
        # Rows that come later may have the numbers of rows that went.
        queue.cursor = 0 if last else max(rows, default=queue.cursor)
        fresh = [candidate for candidate in rows.values() if _name(candidate) not in self._claims]
        left = 0 if last else max(1, queue.on_disk - len(fresh))
        self.on_disk += left - queue.on_disk
        queue.on_disk = left
        if left:  # there may be nothing to wait for among these
            self._dry.add(host)
        return fresh

    def count(self, hosts: Iterable[str]) -> Counted:
        """Count the candidates of these hosts."""
        queues = [self._queues[host] for host in hosts if host in self._queues]
        return Counted(
            sum(queue.under_way for queue in queues),
            sum(len(queue.waiting) for queue in queues),
            sum(queue.on_disk for queue in queues),
        )

    def _give_turn(self, host: str, queue: _Queue) -> None:
        if queue.waiting and not queue.has_turn:
            queue.has_turn = True
            self._turns.append(host)


def _name(candidate: Candidate) -> object:
    return candidate.source, candidate.source_id, candidate.category
