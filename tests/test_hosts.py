"""What is known of a host: the waits it asks for, its connections, its rests, and whether it is down."""

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negbuild.hosts import KNOWN_PACES, Host, Hosts, Pace, asked_wait, backoff, is_retried, throttled
from negbuild.model import Skip, SkipReason

PATIENCE = 90.0
MANY = 4096  # hosts that are remembered, whatever they are

dates = st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


def reason(skip: Skip | None) -> SkipReason | None:
    return skip.reason if skip else None


@given(st.none() | st.text(), st.text() | st.text("Expectdavilbn s0123456789"))
def test_any_text_is_a_wait_or_none(header: str | None, text: str) -> None:
    wait = asked_wait(header, text)
    assert wait is None or (wait >= 0 and math.isfinite(wait))


@given(st.integers(0, 10**9), st.sampled_from(["", " ", "\t"]))
def test_seconds_are_read_as_they_are(seconds: int, around: str) -> None:
    assert asked_wait(f"{around}{seconds}{around}") == seconds
    assert (
        asked_wait(None, f"Request was throttled. Expected available in {seconds % 10**9} seconds.") == seconds % 10**9
    )


@given(dates)
def test_a_date_is_read_as_the_time_until_then(moment: datetime) -> None:
    wait = asked_wait(format_datetime(moment, usegmt=True))
    assert wait == pytest.approx(max(0.0, moment.timestamp() - time.time()), abs=2)


@given(dates)
def test_the_old_forms_of_a_date_are_read_too(moment: datetime) -> None:
    if 1970 <= moment.year < 2069:  # a year of two digits says no more
        wait = asked_wait(moment.strftime("%A, %d-%b-%y %H:%M:%S GMT"))
        assert wait == pytest.approx(max(0.0, moment.timestamp() - time.time()), abs=2)


@pytest.mark.parametrize(
    "form",
    [
        "%a %b %d %H:%M:%S %Y",
        pytest.param("%a, %d %b %Y %H:%M:%S -0000", id="no zone"),
    ],
)
def test_a_date_without_a_zone_is_one_of_greenwich(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    soon = datetime.fromtimestamp(time.time() + 60, UTC)
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "America/New_York")
        time.tzset()
        wait = asked_wait(soon.strftime(form))
    time.tzset()
    assert wait == pytest.approx(60, abs=2)


@pytest.mark.parametrize("value", ["Thu, 01 Jan 1970 00:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", "0", "000"])
def test_what_is_past_is_no_wait(value: str) -> None:
    assert asked_wait(value) == 0


@pytest.mark.parametrize(
    "value",
    [
        "-1",
        "1.5",
        "1e9",
        "soon",
        "٣",
        "²",
        "inf",
        "nan",
        "Fri, 99 Zzz 9999 99:99:99 GMT",
    ],
)
def test_nonsense_asks_for_nothing(value: str) -> None:
    assert asked_wait(value) is None


@pytest.mark.parametrize("value", ["9" * 400, "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_absurd_wait_is_long_and_breaks_nothing(value: str) -> None:
    wait = asked_wait(value)
    assert wait is not None
    assert wait > 10**9
    host = Host(Pace())
    host.rest(wait)
    closed = host.closed(PATIENCE)
    assert reason(closed) is reason(throttled("", wait)) is SkipReason.THROTTLED
    assert closed
    assert closed.retry_at
    assert closed.retry_at < time.time() + 11 * 365 * 86_400


@given(st.integers(0, 20))
def test_a_pause_is_within_bounds_that_double(attempt: int) -> None:
    assert 0 <= backoff(attempt) <= 0.5 * 2**attempt


def test_pauses_are_spread_over_all_of_their_bounds() -> None:
    for attempt in range(5):
        longest = 0.5 * 2**attempt
        pauses = [backoff(attempt) for _ in range(2000)]
        assert min(pauses) < 0.05 * longest
        assert max(pauses) > 0.95 * longest
        assert sum(pauses) / len(pauses) == pytest.approx(longest / 2, rel=0.15)


@given(st.integers(100, 999))
def test_only_what_may_succeed_later_is_tried_again(status: int) -> None:
    assert is_retried(status) is (status in {408, 425, 429} or status >= 500)


@pytest.mark.parametrize("connections", [1, 2, 5])
def test_no_more_connections_than_allowed_whatever_the_threads_do(connections: int) -> None:
    host = Host(Pace(connections))
    lock, now, most, turns = threading.Lock(), 0, 0, 0
    together, first = threading.Barrier(connections), iter(range(connections))

    def works() -> None:
        nonlocal now, most, turns
        for _ in range(10):
            free = threading.Event()
            while host.enter(free.set):
                assert free.wait(10)
                free.clear()
            with lock:
                now += 1
                most = max(most, now)
                is_first = next(first, None) is not None
            if is_first:  # as many as are allowed come in together, on however slow a machine
                together.wait(10)
            time.sleep(0.0005)
            with lock:
                now -= 1
                turns += 1
            host.leave()

    threads = [threading.Thread(target=works) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (most, now, turns, host.under_way) == (connections, 0, 120, 0)


def test_who_waits_for_a_connection_is_told_when_one_is_free() -> None:
    host, told = Host(Pace(1)), threading.Event()
    assert host.enter() == 0
    assert host.enter(told.set) == math.inf
    assert not told.is_set()
    host.leave()
    assert told.is_set()
    assert host.enter() == 0


def test_requests_keep_their_distance() -> None:
    host = Host(Pace(4, interval=5))
    assert host.enter() == 0
    assert 4 < host.enter() <= 5
    host.slow_down(2)
    assert host.pace.interval == 5
    host.slow_down(9)
    assert host.pace == Pace(4, 9)


def test_a_rest_holds_for_everybody_and_is_never_shortened() -> None:
    host = Host(Pace(4))
    host.rest(5)
    host.rest(1)
    waits: list[float] = []
    threads = [threading.Thread(target=lambda: waits.append(host.enter())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(waits) == 8
    assert all(4 < wait <= 5 for wait in waits)
    assert host.under_way == 0
    host.answered()
    assert host.wait() > 4


def test_a_rest_ends() -> None:
    host = Host(Pace())
    host.rest(0.05)
    assert host.wait() > 0
    time.sleep(0.06)
    assert host.enter() == 0


def test_only_a_rest_over_the_longest_wait_closes_a_host() -> None:
    host = Host(Pace())
    host.rest(60)
    assert host.closed(90) is None
    closed = host.closed(30)
    assert reason(closed) is SkipReason.THROTTLED
    assert closed
    assert closed.retry_at == pytest.approx(time.time() + 60, abs=2)


@pytest.mark.parametrize(("answered", "failures"), [(True, 8), (False, 4)])
def test_failures_in_a_row_open_the_breaker(answered: bool, failures: int) -> None:
    host = Host(Pace())
    for _ in range(failures - 1):
        host.failed(answered=answered)
    assert host.closed(PATIENCE) is None
    host.failed(answered=answered)
    closed = host.closed(20)
    assert reason(closed) is SkipReason.HOST_DOWN
    assert closed
    assert closed.retry_at == pytest.approx(time.time() + 30, abs=2)


def test_the_first_cool_off_is_waited_for_like_a_rest_unless_nobody_ever_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now)
    busy, restarted, dead = Host(Pace()), Host(Pace()), Host(Pace())
    restarted.answered()
    for _ in range(8):
        busy.failed(answered=True)
        restarted.failed(answered=False)
        dead.failed(answered=False)
    assert reason(dead.closed(math.inf)) is SkipReason.HOST_DOWN
    for host in (busy, restarted):
        assert host.closed(PATIENCE) is None
        assert host.enter() == host.wait() == host.rests_for == 30
        assert not host.well
    now += 31
    for host in (busy, restarted):
        assert host.enter() == 0
        host.failed(answered=True)
        assert reason(host.closed(PATIENCE)) is SkipReason.HOST_DOWN
        host.answered()  # late, of one that was under way
    now += 60
    assert busy.closed(PATIENCE) is None


def test_an_answer_in_between_starts_the_count_again() -> None:
    host = Host(Pace())
    for _ in range(20):
        for _ in range(7):
            host.failed(answered=True)
        host.answered()
    assert host.closed(PATIENCE) is None


def test_a_host_that_is_down_still_is_tried_once_and_then_longer_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now)
    host = Host(Pace())
    for cool_off in (30, 60, 120, 240, 480, 900, 900):
        while not host.closed(PATIENCE):
            host.failed(answered=False)
        host.failed(answered=False)  # one that was under way does not make it longer
        now += cool_off - 1
        assert reason(host.closed(PATIENCE)) is SkipReason.HOST_DOWN
        now += 2
        assert host.closed(PATIENCE) is None
    host.answered()
    host.failed(answered=False)
    assert host.closed(PATIENCE) is None


def test_a_host_is_well_unless_it_rests_hangs_or_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now)
    resting, hanging, down = Host(Pace()), Host(Pace()), Host(Pace())
    assert resting.well
    resting.rest(1)
    assert resting.well  # it is soon over
    resting.rest(10)
    assert not resting.well
    assert hanging.enter() == 0
    assert hanging.well
    for _ in range(4):
        down.failed(answered=False)
    assert not down.well
    now += 3
    assert not hanging.well
    hanging.answered()
    assert hanging.well
    now += 60
    assert resting.well
    assert down.well
    assert not hanging.well
    hanging.leave()
    assert hanging.well


def test_a_host_has_the_pace_that_it_states_or_the_default() -> None:
    hosts = Hosts(Pace(7))
    assert hosts["h.example"].pace == Pace(7)
    assert hosts["h.example"] is hosts["h.example"]
    for name, pace in KNOWN_PACES.items():
        assert hosts[name].pace == pace


def test_the_paces_are_those_that_the_readme_states() -> None:
    assert Pace() == Pace(connections=4, interval=0)
    assert KNOWN_PACES["upload.wikimedia.org"] == Pace(2)
    assert {KNOWN_PACES[name].connections for name in KNOWN_PACES if name != "upload.wikimedia.org"} == {1}
    an_hour = ("api.flickr.com", "api.inaturalist.org", "www.bing.com", "www.google.com", "image.baidu.com")
    assert {KNOWN_PACES[name].interval for name in an_hour} == {1}


def test_all_threads_get_the_same_host() -> None:
    hosts, found = Hosts(Pace()), set[int]()
    threads = [threading.Thread(target=lambda: found.add(id(hosts["h.example"]))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1


def works(host: Host) -> None:
    assert host.enter() == 0


def rests(host: Host) -> None:
    host.rest(100)


def is_down(host: Host) -> None:
    for _ in range(8):
        host.failed(answered=True)


@pytest.mark.parametrize("kept", [works, rests, is_down])
def test_idle_hosts_are_forgotten_but_never_one_that_matters(kept: Callable[[Host], None]) -> None:
    hosts = Hosts(Pace())
    idle, busy = hosts["idle"], hosts["busy"]
    kept(busy)
    for number in range(MANY + 10):
        assert hosts[f"h{number}"]
    assert hosts["busy"] is busy
    assert hosts["idle"] is not idle


def test_a_host_is_found_also_where_all_others_rest() -> None:
    hosts = Hosts(Pace())
    for number in range(MANY):
        hosts[f"h{number}"].rest(100)
    assert hosts["new"].enter() == 0


def test_who_has_gone_does_not_keep_others_waiting() -> None:
    host, told = Host(Pace(1)), threading.Event()
    assert host.enter() == 0
    assert host.enter(lambda: None) == math.inf  # its task was cancelled meanwhile
    assert host.enter(told.set) == math.inf
    host.leave()
    assert told.is_set()
