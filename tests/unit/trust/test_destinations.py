"""A webhook never reaches into our own network, by whatever name, notation or tunnel."""

from collections.abc import Sequence

import pytest

from tallystick.trust.destinations import DestinationFault, Reach, check_url, destination, resolve_host


def at(*addresses: str, url: str = "https://hooks.example.com/in?x=1", reach: Reach = Reach.PUBLIC) -> str:
    def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return destination(url, reach=reach, resolve=resolve).address_url


def test_a_public_host_is_reached_by_the_address_that_was_checked() -> None:
    found = destination(
        "https://hooks.example.com:8443/in?x=1", reach=Reach.PUBLIC, resolve=lambda host, port: ["93.184.215.14"]
    )
    assert found.address_url == "https://93.184.215.14:8443/in?x=1"
    assert found.host_header == "hooks.example.com:8443"


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert at("2606:2800:21f:cb07::1") == "https://[2606:2800:21f:cb07::1]:443/in?x=1"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::5db8:d70e",
        "2002:7f00:1::",
        "2001:0:1::1",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(DestinationFault, match="TALLYSTICK_WEBHOOK_REACH=private"):
        at(address)


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(DestinationFault, match=r"10\.0\.0\.1"):
        at("93.184.215.14", "10.0.0.1")


def test_in_development_a_private_address_may_be_reached() -> None:
    assert at("127.0.0.1", url="http://localhost:9000", reach=Reach.PRIVATE) == "http://127.0.0.1:9000/"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "https:///path",
        "https://user@hooks.example.com/",
        "https://:secret@hooks.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/ ",
        "https://hooks.example.com/\r\nX: y",
        "https://[::1/",
        "https://bücher.example/",
        "https://h/" + "x" * 2_000,
    ],
)
def test_what_is_no_url_for_a_webhook_is_refused(url: str) -> None:
    with pytest.raises(DestinationFault, match=r"^url: "):
        check_url(url, reach=Reach.PUBLIC)


def test_numbers_that_mean_loopback_are_refused() -> None:
    # inet_aton notations: the system's resolver turns them into 127.0.0.1.
    for host in ("2130706433", "0x7f000001", "127.1", "localhost"):
        with pytest.raises(DestinationFault):
            destination(f"https://{host}/", reach=Reach.PUBLIC)


def test_a_host_without_an_address_is_told() -> None:
    with pytest.raises(DestinationFault, match="check its spelling"):
        resolve_host("no-such-host.invalid", 443)
    with pytest.raises(DestinationFault, match="check its spelling"):
        at()
