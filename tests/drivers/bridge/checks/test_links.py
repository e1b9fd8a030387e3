"""Differences between the kernel and an endpoint: a table of snapshots and sentences."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from mynet.drivers.api import Sandbox
from mynet.drivers.bridge.checks.links import differences
from mynet.drivers.linux.links.mac import link_local
from mynet.drivers.linux.values.address_routes import address_routes
from mynet.drivers.linux.values.bridge_port import DEFAULT_PORT, PORT_GROUP
from mynet.drivers.linux.values.desired import Rate, Shaper, Veth
from mynet.drivers.linux.values.observed import Link, Route, Snapshot

VETH = Veth(
    name="veth1",
    mark="mynet:i:1",
    outer_mac="02:00:00:00:00:0a",
    bridge="br-web",
    bridge_mark="mynet:i:n",
    mtu=1400,
    interface="eth0",
    mac="02:00:5e:00:53:01",
    addresses=(ip_interface("10.1.0.2/24"), ip_interface("fd00:1::2/64")),
    gateways=(ip_address("10.1.0.1"), ip_address("fd00:1::1")),
    metric=0,
    sandbox=Sandbox("/run/netns/shop", 7),
    bridge_mac="02:00:00:00:00:0b",
)
OUTER = Link(
    *(10, "veth1", "veth", "02:00:00:00:00:0a", 1400),
    mark="mynet:i:1",
    altnames=("mynet-1",),
    master=3,
    peer=2,
    up=True,
    group=PORT_GROUP,
    port=VETH.port,
)
INNER = Link(2, "eth0", "veth", "02:00:5e:00:53:01", 1400, peer=10, up=True)
ROUTES = [Route(ip_address("10.1.0.1"), 2, 0), Route(ip_address("fd00:1::1"), 2, 1)]
WHOLE = Snapshot(
    OUTER,
    "br-web",
    in_bridge=True,
    inner=INNER,
    addresses=frozenset({*VETH.addresses, link_local(VETH.mac)}),
    routes=frozenset(ROUTES),
    address_routes=frozenset(address_routes([*VETH.addresses, link_local(VETH.mac)])),
    static_macs=frozenset({VETH.mac}),
)


def test_a_whole_endpoint_has_no_differences() -> None:
    assert differences(VETH, WHOLE) == []


def test_addresses_and_routes_of_other_programs_are_ignored() -> None:
    more = replace(
        WHOLE,
        addresses=WHOLE.addresses | {ip_interface("192.0.2.7/32")},
        routes=WHOLE.routes | {Route(ip_address("10.1.0.9"), 2, 300)},
    )
    assert differences(VETH, more) == []


def test_differences_of_a_bridge_port_are_all_reported() -> None:
    assert differences(replace(VETH, isolated=True, hairpin=True), WHOLE) == [
        "veth1 is not isolated from the other ports of br-web.",
        "veth1 is not in hairpin mode.",
    ]


@pytest.mark.parametrize(
    ("wanted", "sentences"),
    [(False, ["veth1 is isolated from the other ports of br-web."]), (True, [])],
)
def test_isolation_is_compared(*, wanted: bool, sentences: list[str]) -> None:
    veth = replace(VETH, isolated=wanted)
    isolated = replace(WHOLE, outer=replace(OUTER, port=replace(VETH.port, isolated=True)))
    assert differences(veth, isolated) == sentences
    assert differences(veth, WHOLE) == [
        "veth1 is not isolated from the other ports of br-web.",
    ] * (1 - len(sentences))


def test_each_flag_of_a_guarded_port_is_compared() -> None:
    seen = replace(WHOLE, outer=replace(OUTER, group=0, port=DEFAULT_PORT), static_macs=frozenset())
    assert differences(VETH, seen) == [
        "veth1 has learning on instead of off.",
        "veth1 has locked off instead of on.",
        "veth1 has flood on instead of off.",
        "veth1 has group_fwd_mask 0x0 instead of 0xfffd.",
        "br-web has no static entry for 02:00:5e:00:53:01 at veth1.",
        "veth1 is in link group 0 instead of 28025.",
    ]


def test_a_port_that_is_not_guarded_has_the_flags_of_any_other() -> None:
    veth = replace(VETH, guarded=False)
    plain = replace(WHOLE, outer=replace(OUTER, port=DEFAULT_PORT), static_macs=frozenset())
    assert differences(veth, plain) == []
    assert differences(veth, WHOLE) == [
        "veth1 has learning off instead of on.",
        "veth1 has locked on instead of off.",
        "veth1 has flood off instead of on.",
        "veth1 has group_fwd_mask 0xfffd instead of 0x0.",
    ]


def test_a_flag_that_the_kernel_does_not_have_is_not_compared() -> None:
    port = replace(VETH.port, locked=None)
    assert differences(VETH, replace(WHOLE, outer=replace(OUTER, port=port))) == []


@pytest.mark.parametrize(
    ("seen", "sentences"),
    [
        (
            replace(WHOLE, in_bridge=False),
            ["br-web is another bridge than the network's."],
        ),
        (
            replace(WHOLE, outer=None, inner=None),
            [
                "The host's interface veth1 is not there.",
                "The interface eth0 is not in the sandbox.",
            ],
        ),
        (
            replace(WHOLE, outer=replace(OUTER, mark="mynet:j:1")),
            ["The host's interface veth1 is not the endpoint's."],
        ),
        (
            replace(WHOLE, outer=replace(OUTER, kind="bridge")),
            ["The host's interface veth1 is not the endpoint's."],
        ),
        (
            replace(WHOLE, outer=replace(OUTER, mark="")),
            ["veth1 has the alias '' instead of 'mynet:i:1'."],
        ),
        (
            replace(WHOLE, master="", in_bridge=False),
            ["veth1 is in no bridge instead of br-web."],
        ),
        (
            replace(WHOLE, master="br-db", in_bridge=False),
            ["veth1 is in br-db instead of br-web."],
        ),
        (replace(WHOLE, outer=replace(OUTER, name="lan9")), ["veth1 is named lan9."]),
        (
            replace(WHOLE, outer=replace(OUTER, mark="a note")),
            ["veth1 has the alias 'a note' instead of 'mynet:i:1'."],
        ),
        (
            replace(WHOLE, outer=replace(OUTER, altnames=("other",))),
            ["veth1 lacks the alternative name mynet-1."],
        ),
        (
            replace(WHOLE, outer=replace(OUTER, up=False, mtu=1500)),
            ["veth1 is down.", "veth1 has MTU 1500 instead of 1400."],
        ),
        (
            replace(WHOLE, outer=replace(OUTER, mac="02:00:00:00:00:0b")),
            ["veth1 has MAC address 02:00:00:00:00:0b instead of 02:00:00:00:00:0a."],
        ),
        (
            replace(WHOLE, sandbox_there=False, inner=None),
            ["The sandbox is not at /run/netns/shop any more."],
        ),
        (
            replace(WHOLE, sandbox_there=False, sandbox_lives=True, inner=None),
            [
                (
                    "The sandbox is out of reach: it lives, but /run/netns/shop does not lead to it"
                    " any more. Connect the container again with a path that leads to it, or"
                    " disconnect it."
                )
            ],
        ),
        (
            replace(WHOLE, inner=replace(INNER, name="lan9")),
            ["eth0 in the sandbox is named lan9."],
        ),
        (
            replace(WHOLE, inner=replace(INNER, up=False, mac="02:00:00:00:00:0c", mtu=9000)),
            [
                "eth0 is down.",
                "eth0 has MAC address 02:00:00:00:00:0c instead of 02:00:5e:00:53:01.",
                "eth0 has MTU 9000 instead of 1400.",
            ],
        ),
        (
            replace(WHOLE, addresses=frozenset({ip_interface("10.1.0.2/16")})),
            [
                "eth0 lacks the address 10.1.0.2/24.",
                "eth0 lacks the address fd00:1::2/64.",
                "eth0 lacks the address fe80::5eff:fe00:5301/64.",
            ],
        ),
        (
            replace(WHOLE, routes=frozenset({replace(ROUTES[0], metric=9), ROUTES[1]})),
            ["eth0 lacks the default route via 10.1.0.1 with metric 0."],
        ),
        (
            replace(WHOLE, routes=frozenset({ROUTES[0], replace(ROUTES[1], device=3)})),
            ["eth0 lacks the default route via fd00:1::1 with metric 1."],
        ),
    ],
)
def test_each_difference_has_its_sentence(seen: Snapshot, sentences: list[str]) -> None:
    assert differences(VETH, seen) == sentences


def test_each_setting_that_differs_has_its_sentence() -> None:
    asked = {"net.ipv4.conf.IFNAME.rp_filter": "2", "net.ipv6.conf.IFNAME.accept_ra": "0"}
    veth = replace(VETH, interface="lan.7", settings=asked)
    whole = replace(WHOLE, inner=replace(INNER, name="lan.7"))
    assert differences(veth, replace(whole, settings=asked)) == []
    found = {"net.ipv4.conf.IFNAME.rp_filter": "0", "net.ipv6.conf.IFNAME.accept_ra": ""}
    assert differences(veth, replace(whole, settings=found)) == [
        "net.ipv4.conf.lan/7.rp_filter is 0 instead of 2.",
        "net.ipv6.conf.lan/7.accept_ra is not there instead of 0.",
    ]


IN, OUT = "What goes to the sandbox", "What comes from the sandbox"
FAST, SLOW = Rate(1_250_000, 16384), Rate(125_000, 2000)
B9, B2000, B16384 = (f"burst {size} bytes" for size in (9, 2000, 16384))
LIMITED = replace(
    VETH, ingress=FAST, shaper=Shaper("ifb-1", "mynet:i:1", "02:00:00:00:00:0c", SLOW)
)


@pytest.mark.parametrize(
    ("ingress", "egress", "sentences"),
    [
        (FAST, SLOW, []),
        (
            None,
            None,
            [
                f"{IN} is not limited to 10Mbit.",
                f"{OUT} is not limited to 1Mbit.",
            ],
        ),
        (
            replace(FAST, burst=9),
            replace(SLOW, bytes_per_second=2_000),
            [
                f"{IN} is limited to {FAST} ({B9}) instead of {FAST} ({B16384}).",
                f"{OUT} is limited to 16kbit ({B2000}) instead of {SLOW} ({B2000}).",
            ],
        ),
    ],
)
def test_each_limit_that_differs_has_its_sentence(
    ingress: Rate | None, egress: Rate | None, sentences: list[str]
) -> None:
    assert differences(LIMITED, replace(WHOLE, ingress=ingress, egress=egress)) == sentences


def test_a_limit_that_the_endpoint_does_not_ask_for_is_ignored() -> None:
    assert differences(VETH, replace(WHOLE, ingress=FAST, egress=SLOW)) == []


def test_without_a_sandbox_only_the_outer_end_is_compared() -> None:
    lone = replace(VETH, sandbox=None)
    assert differences(lone, replace(WHOLE, inner=None, routes=frozenset())) == []
    assert differences(lone, replace(WHOLE, master="", in_bridge=False)) == [
        "veth1 is in no bridge instead of br-web."
    ]
