"""What an endpoint may send, as the driver computes it."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

from mynet.drivers.bridge.endpoint_rules import guard_of
from mynet.drivers.bridge.specs import Specs
from mynet.drivers.linux.links.mac import link_local, mac_from
from mynet.drivers.linux.values.endpoint_rules import Attachment, Guard
from mynet.drivers.testing import sample_endpoint, sample_network

PLACE = Attachment(7, 3)


def guard(**options: str) -> Guard:
    """Return what an endpoint with options may send."""
    endpoint = replace(sample_endpoint(sample_network()), options=options)
    return guard_of(Specs("test"), endpoint, PLACE)


def test_an_endpoint_has_its_addresses_and_the_link_local_one() -> None:
    own = ("198.18.1.2", "fd6d:796e:6574:1::2", "fe80::5eff:fe00:5301")
    assert guard() == Guard(
        PLACE,
        "02:00:5e:00:53:01",
        tuple(map(ip_address, own)),
        conntrack_limit=4096,
        subnets=tuple(map(ip_network, ("198.18.1.0/24", "fd6d:796e:6574:1::/64"))),
    )


def test_no_allowed_range_has_an_address_of_the_host() -> None:
    of_host = [
        ip_address("198.18.1.1"),
        ip_address("fd6d:796e:6574:1::1"),
        link_local(mac_from(sample_network().id)).ip,
    ]
    ranges = guard(allowed_addresses="0.0.0.0/0,::/0").allowed
    assert len(ranges) == 5
    for address in of_host:
        for span in ranges:
            if span.first.version == address.version:
                assert not int(span.first) <= int(address) <= int(span.last)
    assert str(ranges[0].first) == "0.0.0.0"  # noqa: S104 - the range of all addresses
    assert str(ranges[1].last) == "255.255.255.255"


def test_an_allowed_address_is_a_range_of_one() -> None:
    (span,) = guard(allowed_addresses="198.18.1.77").allowed
    assert span.first == span.last == ip_address("198.18.1.77")
    assert guard(allowed_addresses="198.18.1.1").allowed == ()
