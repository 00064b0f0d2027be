"""Where a webhook may be sent: never into our own network, whatever a name resolves to at the moment of sending."""

import socket
from collections.abc import Callable, Sequence
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

_MOST_CHARACTERS: Final = 2_000
_HTTPS_PORT: Final = 443
_HTTP_PORT: Final = 80

Resolve = Callable[[str, int], Sequence[str]]


class Reach(StrEnum):
    """What an installation lets webhooks reach: the public internet, or, for development, private networks too."""

    PUBLIC = "public"
    PRIVATE = "private"


class Destination(Struct, frozen=True):
    """A checked URL, and the address to connect to: what was checked is what is used, so a name cannot be rebound."""

    host: str
    port: int
    address: str
    target: str
    is_tls: bool

    @property
    def host_header(self) -> str:
        """The host as the receiver expects it, with the port where it is not the usual one."""
        usual = _HTTPS_PORT if self.is_tls else _HTTP_PORT
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def address_url(self) -> str:
        """The URL by address; the certificate is still checked against `host`."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{'https' if self.is_tls else 'http'}://{address}:{self.port}{self.target}"


class DestinationFault(ValueError):
    """A URL is no place for a webhook; the message says why and the way out."""


def resolve_host(host: str, port: int) -> list[str]:
    """The addresses of a host by the system's resolver. Raises `DestinationFault` where it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as fault:
        raise DestinationFault(f"url: the host {host} is not known; check its spelling") from fault
    return [str(entry[4][0]) for entry in found]


def check_url(url: str, *, reach: Reach) -> tuple[str, int, str, bool]:
    """Host, port, target and whether TLS is used. Raises `DestinationFault`; nothing is resolved yet."""
    if len(url) > _MOST_CHARACTERS or not url.isascii() or any(character <= " " for character in url):
        raise DestinationFault(f"url: give at most {_MOST_CHARACTERS} characters of ASCII without spaces")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as fault:
        raise DestinationFault("url: it cannot be read; give https://host/path") from fault
    allowed = ("https",) if reach is Reach.PUBLIC else ("https", "http")
    if parts.scheme not in allowed or not host:
        raise DestinationFault(f"url: give {' or '.join(allowed)}://host/path")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise DestinationFault("url: leave out the user, the password and the fragment; deliveries are signed instead")
    is_tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return host, port or (_HTTPS_PORT if is_tls else _HTTP_PORT), target, is_tls


def destination(url: str, *, reach: Reach, resolve: Resolve = resolve_host) -> Destination:
    """Where a delivery goes now. Raises `DestinationFault` where any address of the host is not a public one.

    Every address must be public, not only the first: a host that also has a private one is not trusted at all.
    """
    host, port, target, is_tls = check_url(url, reach=reach)
    addresses = [address.partition("%")[0] for address in resolve(host, port)]
    if not addresses:
        raise DestinationFault(f"url: the host {host} has no address; check its spelling")
    if reach is Reach.PUBLIC:
        for address in addresses:
            if not _is_public(address):
                raise DestinationFault(
                    f"url: {host} is at {address}, which is not on the public internet; "
                    "for development, allow it with TALLYSTICK_WEBHOOK_REACH=private"
                )
    return Destination(host, port, addresses[0], target, is_tls)


# IPv6 that carries an IPv4 address inside, and so leads where that one leads: NAT64, 6to4, Teredo.
_CARRIERS: Final = tuple(
    ip_network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


def _is_public(address: str) -> bool:
    """Not private, loopback, link-local, shared, reserved or multicast, nor a way around that."""
    parsed = ip_address(address)
    plain = getattr(parsed, "ipv4_mapped", None) or parsed
    return plain.is_global and not plain.is_multicast and not any(plain in carrier for carrier in _CARRIERS)
