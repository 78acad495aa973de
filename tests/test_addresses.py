"""Addresses as values: which are the same, which are public in whatever spelling, and what of them is shown."""

import ipaddress
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from negbuild.addresses import address_key, host_of, is_public, origin_of, refusal, shown
from negbuild.model import SkipReason

PRIVATE = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
PRIVATE_V6 = [ipaddress.IPv6Network(net) for net in ("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2001:db8::/32")]

FORMS: list[Callable[[int], str]] = [
    str,
    hex,
    lambda number: f"0{number:o}",
    lambda number: f"000{number:o}",
    lambda number: f"0X{number:X}",
    lambda number: f"0x{number:08x}",
]

everywhere = st.integers(0, 2**32 - 1).map(IPv4Address)
private = st.sampled_from(PRIVATE).flatmap(lambda net: st.integers(int(net[0]), int(net[-1]))).map(IPv4Address)
addresses = everywhere | private
public = everywhere.filter(lambda address: address.is_global and not address.is_multicast)

labels = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8).map(lambda text: f"h{text}")
hosts = st.lists(labels, min_size=2, max_size=3).map(".".join)
pieces = st.text("abcXYZ09-._~!$&'()*+,;=:@é€ ", min_size=1, max_size=8)
paths = st.lists(pieces, max_size=3).map(lambda parts: "/" + "/".join(parts).strip())
fields = st.tuples(st.sampled_from(["id", "size", "sig", "utmost", "utm"]), st.text("abc09%-_~", max_size=5)).map(
    "=".join
)
queries = st.lists(fields, max_size=3).map("&".join)
marks = st.sampled_from(["utm_source=x", "utm_campaign=a%20b", "UTM_Medium=mail", "fbclid=1", "gclid", "mc_cid=2"])


@st.composite
def urls(draw: st.DrawFn) -> str:
    query = draw(queries)
    return f"{draw(st.sampled_from(['http', 'https']))}://{draw(hosts)}{draw(paths)}{'?' if query else ''}{query}"


@st.composite
def spelling_of(draw: st.DrawFn, of: st.SearchStrategy[IPv4Address]) -> tuple[IPv4Address, str]:
    """Spell an address as inet_aton(3) reads it: 1 to 4 parts, each decimal, octal or hexadecimal, padded or not."""
    address = draw(of)
    single = draw(st.integers(0, 3))
    numbers = [*address.packed[:single], int.from_bytes(address.packed[single:], "big")]
    forms = st.sampled_from(FORMS)
    return address, ".".join(draw(forms)(number) for number in numbers)


def inside(address: IPv4Address) -> list[str]:
    """IPv6 addresses that lead to an IPv4 address: mapped, compatible, NAT64, 6to4."""
    number = int(address)
    return [
        f"::ffff:{address}",
        str(IPv6Address(0xFFFF << 32 | number)),
        str(IPv6Address(0x64FF9B << 96 | number)),
        str(IPv6Address(0x2002 << 112 | number << 80 | 1)),
    ]


def refused(url: str) -> SkipReason | None:
    skip = refusal(url)
    return skip.reason if skip else None


@given(st.text() | urls())
@example("http://h/%zz%7e%2f%")
@example("http://[::1]:80/?utm_source")
@example(" HTTP://H.example.:80/\u2028 ")
def test_the_key_of_a_key_is_itself(url: str) -> None:
    assert address_key(address_key(url)) == address_key(url)


@given(urls(), marks)
def test_spellings_of_one_file_have_one_key(url: str, mark: str) -> None:
    scheme, _, rest = url.partition("://")
    host, slash, rest = rest.partition("/")
    port = {"http": 80, "https": 443}[scheme]
    same = [
        f"{scheme.upper()}://{host.upper()}:{port}{slash}{rest}",
        f"{scheme}://{host}.{slash}{rest}",
        f"{scheme}://{host}:{slash}{rest}",
        f"{url}#part",
        f"  {url}",
        f"{url}{'&' if '?' in url else '?'}{mark}",
        url.replace("?", f"?{mark}&", 1) if "?" in url else f"{url}?{mark}",
        url.replace("~", "%7E"),
        url.replace("~", "%7e"),
        url.replace("-", "%2D") if "-" not in host else url,
        url.replace("é", "%c3%A9"),
    ]
    assert address_key(url)
    assert {address_key(one) for one in same} == {address_key(url)}


@given(hosts, paths, paths)
def test_another_path_has_another_key(host: str, path: str, other: str) -> None:
    assume(path != other)
    assert address_key(f"http://{host}{path}") != address_key(f"http://{host}{other}")


@given(urls(), fields)
def test_another_query_host_port_or_scheme_has_another_key(url: str, field: str) -> None:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    other = {"http": "https", "https": "http"}[scheme]
    keys = [
        address_key(one)
        for one in (
            url,
            f"{url}{'&' if '?' in url else '?'}{field}",
            f"{other}://{rest}",
            f"{scheme}://www.{rest}",
            f"{scheme}://{host}:8080/{path}",
        )
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://h.example/a%2Fb", "http://h.example/a/b"),
        ("http://h.example/a?x=%26", "http://h.example/a?x=&"),
        ("http://h.example/a?x=%2B", "http://h.example/a?x=+"),
        ("http://h.example/a?b=1&a=2", "http://h.example/a?a=2&b=1"),
        ("http://h.example/A", "http://h.example/a"),
        ("http://h.example/a", "http://h.example/a/"),
        ("http://h.example/a%23b", "http://h.example/a#b"),
        ("http://h.example/a%3Fb", "http://h.example/a?b"),
        ("http://h.example/a?utm=1", "http://h.example/a"),
        ("http://h.example/a?id=1", "http://h.example/a?id=2"),
    ],
)
def test_what_may_be_another_file_has_another_key(one: str, other: str) -> None:
    assert address_key(one) != address_key(other)


@pytest.mark.parametrize("url", ["", "a.jpg", "//h.example/a", "file:///a.jpg", "http://", "http://[::1", "data:,x"])
def test_what_is_not_on_the_web_has_no_key(url: str) -> None:
    assert address_key(url) == ""


@given(st.text() | st.text("htps:/@[]%.0123456789xX#?\\ \t\n").map(lambda text: f"http://{text}"))
def test_no_text_is_too_odd_to_be_looked_at(text: str) -> None:
    assert refused(text) in {None, SkipReason.BAD_URL, SkipReason.CREDENTIALS, SkipReason.PRIVATE_ADDRESS}
    host_of(text)
    shown(text)


def test_half_a_character_is_not_too_odd_either() -> None:
    assert address_key("http://h.example/\udcff") == "http://h.example/?"  # UTF-8 cannot hold it, nor can SQLite


@pytest.mark.parametrize(
    "host", ["1" * 5000, "0x" + "f" * 5000, "1.2.3.4.5", "256.1", "1.2.3.256", "0x1ffffffff", "08"]
)
def test_a_number_that_is_no_address_is_a_name(host: str) -> None:
    assert is_public(host, unless_name=True)
    assert not is_public(host)


@given(spelling_of(addresses))
def test_an_address_is_read_as_inet_aton_reads_it(spelled: tuple[IPv4Address, str]) -> None:
    address, text = spelled
    assert IPv4Address(socket.inet_aton(text)) == address
    assert is_public(text) is (address.is_global and not address.is_multicast)


@given(spelling_of(private), st.sampled_from(["", ".", ":80", ":8080"]))
def test_a_private_address_is_refused_in_every_spelling(spelled: tuple[IPv4Address, str], after: str) -> None:
    _, text = spelled
    assert not is_public(text)
    assert refused(f"http://{text}{after}/a.jpg") is SkipReason.PRIVATE_ADDRESS
    assert refusal(f"http://{text}{after}/a.jpg", allow_private=True) is None


@given(spelling_of(public))
def test_a_public_address_may_be_asked_in_every_spelling(spelled: tuple[IPv4Address, str]) -> None:
    _, text = spelled
    assert is_public(text)
    assert refused(f"https://{text}/a.jpg") is None


@given(st.text("0123456789abcdefxX.", max_size=16))
@example("0x")
@example("1..2")
@example("127.0.0.1.")
def test_whatever_inet_aton_reads_as_private_is_not_public(text: str) -> None:
    try:
        address = IPv4Address(socket.inet_aton(text))
    except OSError:
        return
    if not address.is_global or address.is_multicast:
        assert not is_public(text, unless_name=True)


@given(addresses)
def test_what_leads_to_an_ipv4_address_is_as_public_as_that(address: IPv4Address) -> None:
    for text in inside(address):
        assert is_public(text) is is_public(str(address))
        assert is_public(f"[{text}]") is is_public(str(address))
    if int(address) > 0xFFFF:
        assert is_public(f"::{address}") is is_public(str(address))


@given(st.sampled_from(PRIVATE_V6).flatmap(lambda net: st.integers(int(net[0]), int(net[-1]))).map(IPv6Address))
def test_no_local_ipv6_address_is_public(address: IPv6Address) -> None:
    for text in (str(address), address.exploded, address.exploded.upper(), f"{address}%eth0", f"{address}%25eth0"):
        assert not is_public(text)
        assert refused(f"http://[{text}]/a.jpg") in {SkipReason.PRIVATE_ADDRESS, SkipReason.BAD_URL}


@given(
    private, st.sampled_from(["\uff10", "\u2080", "\u2070", "\U0001d7ce"]), st.sampled_from([".", "\u3002", "\uff0e"])
)
def test_a_private_address_in_digits_of_another_alphabet_is_refused(address: IPv4Address, zero: str, dot: str) -> None:
    digits = {"\u2070": "\u2070\u00b9\u00b2\u00b3" + "".join(map(chr, range(0x2074, 0x207A)))}
    other = digits.get(zero) or "".join(chr(ord(zero) + digit) for digit in range(10))
    text = str(address).translate(str.maketrans("0123456789.", other + dot))
    assert refused(f"http://{text}/a.jpg") is SkipReason.PRIVATE_ADDRESS


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://H.Example/a", "h.example"),
        ("http://h.example:80/", "h.example"),
        ("https://h.example:443/", "h.example"),
        ("https://h.example:80/", "h.example:80"),
        ("http://h.example.:8080/", "h.example:8080"),
        ("http://2130706433/", "127.0.0.1"),
        ("http://0x7F.1:81/", "127.0.0.1:81"),
        ("http://[::1]/", "[::1]"),
        ("http://[::1]:81/", "[::1]:81"),
        ("http://u:p@h.example/", "h.example"),
        ("http://B\u00fccher.example/", "xn--bcher-kva.example"),
        ("http://stra\u00dfe.example.:81/", "xn--strae-oqa.example:81"),
        ("http://\u2603.example\u3002/", "xn--n3h.example"),
        ("http://a\u00ad.example/", "a\u00ad.example"),
        ("http://h.example:x/", ""),
        ("http://[::1", ""),
        ("a.jpg", ""),
    ],
)
def test_a_host_is_named_with_the_port_that_is_not_its_own(url: str, host: str) -> None:
    assert host_of(url) == host


@given(urls())
def test_an_address_and_its_key_and_origin_have_one_host(url: str) -> None:
    assert host_of(url) == host_of(address_key(url)) == host_of(origin_of(url)) != ""
    assert address_key(url).startswith(f"{origin_of(url)}/")


@given(urls(), st.text(max_size=8), st.text(max_size=8))
def test_a_password_is_neither_shown_nor_given_as_a_reason(url: str, user: str, more: str) -> None:
    assume(not set("/?#[]") & set(user + more))
    secret = f"{user}:sesame{more}@"
    addressed = url.replace("://", f"://{secret}", 1)
    assert "sesame" not in shown(addressed)
    skip = refusal(addressed)
    assert skip
    assert "sesame" not in skip.detail


@given(urls())
def test_an_address_without_a_password_is_shown_as_it_is(url: str) -> None:
    assume("@" not in url)
    assert shown(url) == url
    assert shown(shown(url.replace("://", "://user:sesame@", 1))) == url


def test_a_password_is_not_shown_either_where_the_address_is_none() -> None:
    assert "sesame" not in shown("http://user:sesame@[::1/a.jpg")
