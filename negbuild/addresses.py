"""Addresses: which may be asked, which are the same, what of them may be shown, which are files. Pure functions."""

import ipaddress
import os
import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes, urlsplit, urlunsplit

from negbuild.model import Skip, SkipReason

_PORTS = {"http": 80, "https": 443}
_USUAL = "http://", "https://"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: IPv4 in the last 32 bits
_TRANSLATED = ipaddress.ip_network("::ffff:0:0:0/96")  # RFC 2765, 2.1: the same
_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291, 2.5.5.1: the same
_CARRIERS = (_NAT64, _TRANSLATED, _COMPATIBLE)
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")  # RFC 8215: leads into the network it is used in
# Marks of a campaign, which change with every link and never the file.
_TRACKING = re.compile(r"utm_[a-z]+|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|yclid", re.IGNORECASE)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, 2.3
# A password may hold what must be quoted in one (/, ?, #, @); what follows the colon of a port, or of an address within
# an address, is none.
_PASSWORD = re.compile(r"(?<=//)\s*[^\s/?#@:\[]*:(?!//|\d{0,5}(?:[/?#\s]|$))[^\s@]*(?:@[^\s/?#@]*)*@")
_BEFORE_ADDRESS = re.compile(r"(?:\burl=)?[^\s=,]{0,20}://")
_LONGEST_LABEL = 63  # between two dots of a name (RFC 1035, 2.3.4)
_LONGEST = 8000  # what RFC 9110, 4.1 asks everybody to support; longer ones are refused by servers


@lru_cache(maxsize=4096)  # asked when a candidate is named, and again when it is fetched
def refusal(url: str, *, allow_private: bool = False) -> Skip | None:
    """Say why an address may not be asked, as far as it can be told without resolving its name."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return Skip(SkipReason.BAD_URL, str(error)[:200])
    if parts.scheme not in _PORTS or not host:
        return Skip(SkipReason.BAD_URL, parts.scheme and f"{parts.scheme}: without a host" if host is None else "")
    if fault := "port 0" if port == 0 else _fault(url, host):
        return Skip(SkipReason.BAD_URL, fault)
    if parts.username is not None or parts.password is not None:
        return Skip(SkipReason.CREDENTIALS, host)
    if not allow_private and not is_public(host, unless_name=True):
        return Skip(SkipReason.PRIVATE_ADDRESS, host)
    return None


def is_no_address(url: str) -> bool:
    """Whether nothing at all could be asked at an address, whoever trusts it."""
    refused = refusal(url, allow_private=True)
    return refused is not None and refused.reason is SkipReason.BAD_URL


def _fault(url: str, host: str) -> str:
    if len(url) > _LONGEST:
        return "over 8,000 characters"
    if any(character < " " for character in url):
        return "control characters"
    return "" if _is_name(host) else "no name of a host"


def is_public(host: str, *, unless_name: bool = False) -> bool:
    """Whether an IP address is reachable from everywhere: no private, link-local, shared or mapped one.

    Spellings that only some resolvers understand (0x7f000001, 2130706433, 127.1) are read as they read them. A host
    name is what `unless_name` says: its addresses are looked at when it is resolved.
    """
    address = _address(host.strip("[]").partition("%")[0])
    if address is None:
        return unless_name
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and any(address in network for network in _CARRIERS):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if address in _LOCAL_NAT64 or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    # Digits and dots of other alphabets are read as the client reads them (UTS 46).
    host = unicodedata.normalize("NFKC", host).replace("\u3002", ".")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return _odd_address(host)


def plain_address(host: str) -> str:
    """Write an IPv4 address as four decimal numbers, however it is spelled (WHATWG URL, 3.5); '' where it is none."""
    address = _odd_address(host)
    return str(address) if address else ""


def _odd_address(host: str) -> ipaddress.IPv4Address | None:
    """Read an IPv4 address as inet_aton(3) does: 1 to 4 parts, each decimal, octal or hexadecimal."""
    parts = host.rstrip(".").split(".")
    if len(parts) > 4 or not all(re.fullmatch(r"0[xX][0-9a-fA-F]*|[0-9]+", part) for part in parts):  # noqa: PLR2004  octets
        return None
    try:
        *octets, last = (_number(part) for part in parts)
    except ValueError:
        return None
    value = sum(octet << 8 * (3 - place) for place, octet in enumerate(octets)) + last
    fits = all(octet < 1 << 8 for octet in octets) and last < 1 << 8 * (4 - len(octets))
    return ipaddress.IPv4Address(value) if fits else None


def _number(text: str) -> int:
    if text[:2] in {"0x", "0X"}:
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") and len(text) > 1 else 10)


@lru_cache(maxsize=4096)
def host_of(url: str) -> str:
    """Host of an address with its port, unless that is the scheme's own; '' where there is none.

    All spellings of a name or an IPv4 address give one host.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    host = f"[{host}]" if ":" in host else host.rstrip(".") if host.isascii() else _in_ascii(host)
    host = plain_address(host) or host
    return host if port is None or port == _PORTS.get(parts.scheme) else f"{host}:{port}"


def _is_name(host: str) -> bool:
    """Whether a host may be one: what can never be asked for would count as a host whose robots.txt does not come."""
    name = host if host.isascii() else _in_ascii(host)
    labels = name.removesuffix(".").split(".")
    return name.isascii() and "\\" not in name and all(0 < len(label) <= _LONGEST_LABEL for label in labels)


def _in_ascii(host: str) -> str:
    """Write a name of other letters as it is asked for (RFC 5890): both spellings are one host."""
    from yarl import URL

    try:
        return (URL.build(scheme="http", host=host).raw_host or host).rstrip(".")
    except ValueError:
        return host


def local_file(url: str) -> tuple[str, str]:
    """Read the path of a file out of its address, and, where that is an archive, the name of what lies inside."""
    parts = urlsplit(url)
    return os.fsdecode(unquote_to_bytes(parts.path)), os.fsdecode(unquote_to_bytes(parts.fragment))


def origin_of(url: str) -> str:
    """Scheme, host and port of an address: what one robots.txt speaks for."""
    scheme = url[: url.index(":")] if url.startswith(_USUAL) else urlsplit(url).scheme
    return f"{scheme}://{host_of(url)}"


@lru_cache(maxsize=4096)
def address_key(url: str) -> str:
    """Write an address so that two spellings of the same file are equal; '' where it is not on the web.

    Scheme and host in lower case, without the scheme's own port, the fragment and the marks of campaigns; characters
    that need no quoting unquoted (RFC 3986, 6.2). Everything else stays: a signed address depends on it.
    """
    try:
        parts = urlsplit(url.strip())
        if parts.scheme not in _PORTS or not parts.hostname:
            return ""
    except ValueError:
        return ""
    fields = (field for field in parts.query.split("&") if not _TRACKING.fullmatch(field.partition("=")[0]))
    path, query = _canonical(parts.path or "/"), _canonical("&".join(fields))
    return urlunsplit((parts.scheme, host_of(url.strip()), path, query, ""))


def _canonical(text: str) -> str:
    """Quote what no address may hold, and unquote what needs no quoting."""

    def spelled(quoted: re.Match[str]) -> str:
        character = chr(int(quoted[1], 16))
        return character if character in _UNRESERVED else quoted[0].upper()

    return re.sub("%([0-9A-Fa-f]{2})", spelled, quote(text, safe="%/:@!$&'()*+,;=~?", errors="replace"))


def shown(url: str) -> str:
    """Return an address as it may be shown and kept: without user name and password."""
    if "@" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub("//[^/]*@", "//", without_passwords(url))
    if "@" in parts.netloc:
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return without_passwords(url)


def without_passwords(text: str) -> str:
    """Return a text without the user names and passwords of the addresses in it."""
    return _PASSWORD.sub("", text) if "@" in text else text


def without_addresses(text: str) -> str:
    """Return a text up to the first address in it, which may hold a key or a signature."""
    before, *rest = _BEFORE_ADDRESS.split(text, maxsplit=1)
    return before.rstrip(" ,:(") if rest else text
