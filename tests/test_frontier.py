"""The queues of the hosts: nobody is lost, nobody comes twice, nobody waits for another host."""

import math
import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from negbuild.frontier import LONGEST, Entry, Frontier
from negbuild.model import Candidate

PAGE = 100


def entry(number: int, host: str) -> Entry:
    return Entry(Candidate("s", str(number), f"http://{host}/{number}", category="c"), host)


def four_at_once(_host: str, under_way: int) -> float:
    return 0.0 if under_way < 4 else math.inf


def test_hosts_take_turns_and_none_has_more_than_its_share() -> None:
    frontier = Frontier(four_at_once, Counter(), spill=True)
    frontier.add([entry(number, "a") for number in range(10)] + [entry(100 + number, "b") for number in range(2)])
    taken = []
    while one := frontier.next():
        taken.append(one.host)
    assert taken == ["a", "b", "a", "b", "a", "a"]
    assert frontier.waiting == 6


def test_what_is_the_same_waits_for_what_becomes_of_the_first() -> None:
    frontier = Frontier(four_at_once, Counter(), spill=True)
    first = entry(1, "a")
    again = Entry(Candidate("s", "2", "http://A:80/1#x", category="c"), "a")
    frontier.add([first, again])
    assert frontier.next() == first
    assert frontier.next() is None
    frontier.landed(first)
    assert (frontier.freed(), frontier.behind) == ([], 1)
    frontier.settled(first)
    assert (frontier.freed(), frontier.behind) == ([again.candidate], 0)
    assert not frontier.left


def test_what_was_read_may_all_be_known_and_the_rest_is_read_on() -> None:
    frontier = Frontier(four_at_once, Counter(a=300), spill=True)
    assert frontier.dry(1) == [("a", 0)]
    page = {number: entry(number, "a").candidate for number in range(1, 1 + PAGE)}
    assert frontier.read("a", page, last=False) == list(page.values())
    frontier.add([], spill=False)
    assert frontier.dry(1) == [("a", PAGE)]
    frontier.read("a", {101: entry(101, "a").candidate}, last=False)
    frontier.add([entry(101, "a")], spill=False)
    assert frontier.dry(1) == []  # not before that one is under way
    assert frontier.next() == entry(101, "a")
    assert frontier.dry(1) == [("a", 101)]


def test_rows_that_take_the_numbers_of_rows_that_went_are_read() -> None:
    frontier = Frontier(four_at_once, Counter(a=2), spill=True)
    frontier.dry(1)
    frontier.read("a", {number: entry(number, "a").candidate for number in (1, 200)}, last=True)
    frontier.add([entry(1, "a")], spill=False)  # 200 is known
    frontier.add([entry(number, "a") for number in range(2, 3 + LONGEST)])
    assert frontier.on_disk == 2
    while one := frontier.next():
        frontier.landed(one)
        frontier.settled(one)
    ((host, after),) = frontier.dry(1)
    assert (host, after < LONGEST) == ("a", True)
    rows = {number: entry(number, "a").candidate for number in (1 + LONGEST, 2 + LONGEST)}
    assert frontier.read("a", rows, last=True) == list(rows.values())


@given(st.integers(0, 10**6))
def test_none_is_lost_or_doubled_on_the_way_over_the_disk(seed: int) -> None:
    chance = random.Random(seed)
    hosts = [f"h{number}" for number in range(chance.randint(1, 4))]
    entries = [entry(number, chance.choice(hosts)) for number in range(chance.randint(1, 6 * LONGEST))]
    disk = dict(enumerate(entries, 1))  # stands for the catalog's table
    frontier = Frontier(four_at_once, Counter(), spill=True)
    under_way: list[Entry] = []
    done: list[Entry] = []
    frontier.add(entries)
    for _ in range(100_000):
        if not frontier.left and not under_way:
            break
        if one := frontier.next():
            under_way.append(one)
            continue
        for host, after in frontier.dry(2):
            rows = {number: one.candidate for number, one in disk.items() if one.host == host and number > after}
            page = dict(list(rows.items())[:PAGE])
            fresh = frontier.read(host, page, last=len(page) < PAGE)
            frontier.add([Entry(candidate, host) for candidate in fresh], spill=False)
        if under_way:
            one = under_way.pop(chance.randrange(len(under_way)))
            frontier.landed(one)
            frontier.settled(one)
            assert frontier.freed() == []
            del disk[next(number for number, row in disk.items() if row == one)]
            done.append(one)
        frontier.tick()
    assert sorted(int(one.candidate.source_id) for one in done) == list(range(len(entries)))
    assert disk == {}
