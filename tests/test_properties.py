"""Properties of addresses and of Retry-After, for any input."""

import ipaddress
import socket
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negbuild.addresses import address_key, host_of, is_public, refusal, shown
from negbuild.hosts import Host, Pace, asked_wait, backoff
from negbuild.model import SkipReason

paths = st.text("abcXYZ019-._~%/ é", max_size=20).map(lambda text: f"/{text.strip()}")
v4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)


def part(value: int, form: str) -> str:
    return {"dec": str(value), "hex": hex(value), "oct": f"0{value:o}" if value else "0"}[form]


@st.composite
def spelled(draw: st.DrawFn) -> tuple[ipaddress.IPv4Address, str]:
    """Spell an address in one of the ways that inet_aton reads."""
    address = draw(v4)
    octets = list(address.packed)
    kept = draw(st.integers(0, 3))
    numbers = [*octets[:kept], int.from_bytes(bytes(octets[kept:]), "big")]
    return address, ".".join(part(number, draw(st.sampled_from(["dec", "hex", "oct"]))) for number in numbers)


@given(spelled())
def test_an_address_is_public_or_not_however_it_is_spelled(one: tuple[ipaddress.IPv4Address, str]) -> None:
    address, text = one
    assert socket.inet_aton(text) == address.packed
    expected = address.is_global and not address.is_multicast
    assert is_public(text) is expected
    packed = int(address)
    for inside in (f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | packed))):
        assert is_public(inside) is expected
    assert is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (packed << 80)))) is expected


@given(st.text())
def test_no_text_breaks_what_reads_addresses(text: str) -> None:
    refusal(text)
    host_of(text)
    shown(text)
    assert address_key(address_key(text)) == address_key(text)
    assert not is_public(text) or ipaddress.ip_address(text.strip("[]").partition("%")[0])


@given(paths)
def test_spellings_of_one_address_have_one_key(path: str) -> None:
    key = address_key(f"http://example.org{path}")
    assert key
    assert address_key(f"HTTP://EXAMPLE.org:80{path}#part") == key
    assert address_key(f"http://example.org{path}?utm_source=a&fbclid=b") == key
    assert address_key(f"http://example.org{path}?id=1") != key
    assert address_key(f"https://example.org{path}") != key


def test_what_a_signed_address_depends_on_stays_in_its_key() -> None:
    assert address_key("http://h.example/a%2Fb?x=%2B") == "http://h.example/a%2Fb?x=%2B"
    assert address_key("http://h.example/%7e?b=1&a=2") == "http://h.example/~?b=1&a=2"
    assert address_key("file:///a.jpg") == ""


@given(st.text("abc:%@/", max_size=8), st.text("abc:%", min_size=1, max_size=8))
def test_a_password_is_never_shown_and_never_sent(user: str, password: str) -> None:
    url = f"http://{user.replace('/', '').replace('@', '')}:{password}-secret@h.example/a.jpg"
    assert "-secret" not in shown(url)
    refused = refusal(url)
    assert refused is not None
    assert refused.reason is SkipReason.CREDENTIALS
    assert "-secret" not in refused.detail


@given(st.text())
def test_any_retry_after_is_read_or_ignored(value: str) -> None:
    wait = asked_wait(value)
    assert wait is None or wait >= 0


@given(st.integers(0, 10**9))
def test_seconds_and_dates_are_read_alike(seconds: int) -> None:
    assert asked_wait(str(seconds)) == seconds
    wait = asked_wait(formatdate(time.time() + seconds, usegmt=True))
    assert wait is not None
    assert wait == pytest.approx(seconds, abs=2)
    assert asked_wait(formatdate(time.time() - seconds - 1, usegmt=True)) == 0


@pytest.mark.parametrize("value", ["-5", "1.5", "soon", "٣", "Fri, 99 Zzz 9999 99:99:99 GMT", "9" * 400])
def test_nonsense_is_no_wait_that_breaks_anything(value: str) -> None:
    wait = asked_wait(value)
    assert wait is None or wait < 1e10


def test_pauses_grow_and_are_spread() -> None:
    for attempt in range(5):
        pauses = [backoff(attempt) for _ in range(300)]
        assert 0 <= min(pauses) < max(pauses) <= 0.5 * 2**attempt
        assert max(pauses) > 0.4 * 2**attempt


def test_a_host_that_fails_in_a_row_is_closed_and_one_answer_opens_the_count_again() -> None:
    host = Host(Pace(2))
    for _ in range(7):
        host.failed(answered=True)
    host.answered()
    host.failed(answered=True)
    assert host.closed(90) is None
    for _ in range(4):
        host.failed(answered=False)
    closed = host.closed(90)
    assert closed is not None
    assert closed.reason is SkipReason.HOST_DOWN
    assert closed.retry_at is not None
    assert 25 < closed.retry_at - time.time() <= 31


def test_a_rest_holds_and_a_long_one_is_not_waited_for() -> None:
    host = Host(Pace(1))
    assert host.enter() == 0
    assert host.enter() == float("inf")
    host.leave()
    host.rest(5)
    assert 4 < host.enter() <= 5
    assert host.closed(90) is None
    host.rest(500)
    closed = host.closed(90)
    assert closed is not None
    assert closed.reason is SkipReason.THROTTLED
