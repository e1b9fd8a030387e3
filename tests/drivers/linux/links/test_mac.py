"""MAC and link-local addresses are derived from a seed."""

from ipaddress import ip_interface

import pytest

from mynet.drivers.linux.links.mac import link_local, mac_from, with_link_local

MAC = "02:00:00:00:00:03"


def test_a_seed_always_gives_the_same_local_unicast_mac() -> None:
    macs = {mac_from(str(number)) for number in range(1000)}
    assert len(macs) == 1000
    assert {mac[:2] for mac in macs} == {"02"}
    assert mac_from("web") == "02:4b:5e:57:f6:eb"  # as in every release: links are known by it


@pytest.mark.parametrize(
    ("mac", "address"),
    [
        ("34:56:78:9a:bc:de", "fe80::3656:78ff:fe9a:bcde/64"),  # RFC 4291, appendix A
        ("02:00:5e:00:53:01", "fe80::5eff:fe00:5301/64"),
    ],
)
def test_a_link_local_address_is_derived_from_the_mac(mac: str, address: str) -> None:
    assert link_local(mac) == ip_interface(address)


def test_only_a_link_with_ipv6_addresses_gets_a_link_local_one() -> None:
    ipv4, ipv6 = ip_interface("10.1.0.2/24"), ip_interface("fd00:1::2/64")
    own = link_local(MAC)
    assert with_link_local([], MAC) == ()
    assert with_link_local([ipv4], MAC) == (ipv4,)
    assert with_link_local([ipv6], MAC) == (ipv6, own)
    assert with_link_local([ipv4, ipv6], MAC) == (ipv4, ipv6, own)
