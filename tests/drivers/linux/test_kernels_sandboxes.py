"""The kernel in memory does what the real one does with sandboxes: each test runs on both."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from mynet.drivers.api import Sandbox
from mynet.drivers.errors import BridgeFull, InterfaceExists, KernelError, SandboxNotFound
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.desired import Bridge, Rate, Shaper, Veth
from mynet.drivers.linux.values.observed import Route
from tests.drivers.linux.support.kernels import KernelTestbed, SeenLink

ADDRESSES = (ip_interface("10.1.0.2/24"), ip_interface("fd00:1::2/64"))
GATEWAYS = (ip_address("10.1.0.1"), ip_address("fd00:1::1"))
BRIDGE = Bridge(
    "br-web",
    "mynet:i:web",
    mac_from("web"),
    1400,
    (ip_interface("10.1.0.1/24"), ip_interface("fd00:1::1/64")),
)


@pytest.fixture
def ready(testbed: KernelTestbed) -> KernelTestbed:
    """A testbed with a bridge."""
    testbed.kernel.links.ensure_bridge(BRIDGE)
    return testbed


@pytest.fixture
def box(ready: KernelTestbed) -> Sandbox:
    return ready.add_sandbox()


@pytest.fixture
def veth(box: Sandbox) -> Veth:
    return Veth(
        name="veth-shop",
        mark="mynet:i:shop",
        outer_mac=mac_from("shop"),
        bridge="br-web",
        bridge_mark=BRIDGE.mark,
        mtu=1400,
        interface="eth0",
        mac="02:00:5e:00:53:01",
        addresses=ADDRESSES,
        gateways=GATEWAYS,
        metric=100,
        sandbox=box,
        bridge_mac=BRIDGE.mac,
    )


def other_than(veth: Veth, **changes: object) -> Veth:
    """Return another endpoint, in the same sandbox unless ``changes`` has another."""
    base = replace(veth, name="veth-2", mark="mynet:i:2", interface="eth1", mac=mac_from("2"))
    return replace(base, **{"addresses": (), "gateways": (), **changes})  # type: ignore[arg-type]


def test_identify_returns_path_and_cookie(ready: KernelTestbed, box: Sandbox) -> None:
    assert ready.kernel.sandboxes.identify(box.path) == box
    assert ready.kernel.sandboxes.exists(box)
    assert ready.add_sandbox().cookie != box.cookie
    with pytest.raises(SandboxNotFound, match="/no/where"):
        ready.kernel.sandboxes.identify("/no/where")
    assert not ready.kernel.sandboxes.exists(Sandbox("/no/where", 2**63))


def test_on_return_the_inner_end_has_addresses_and_routes(
    ready: KernelTestbed, box: Sandbox, veth: Veth
) -> None:
    for _ in range(2):
        ready.kernel.links.attach(veth)
        assert ready.links(box) == {"eth0": SeenLink("veth", "", "", veth.mac, 1400, up=True)}
        seen = ready.kernel.links.inspect(veth)
        assert seen.outer
        assert seen.inner
        assert (seen.inner.peer, seen.outer.peer) == (seen.outer.index, seen.inner.index)
        assert (seen.master, seen.sandbox_there) == ("br-web", True)
        assert seen.addresses == {*ADDRESSES, ip_interface("fe80::5eff:fe00:5301/64")}
        assert {(route.gateway, route.metric) for route in seen.routes} == {
            (gateway, 100) for gateway in GATEWAYS
        }
        assert {route.device for route in seen.routes} == {seen.inner.index}


def test_an_endpoint_without_ipv6_has_no_link_local_address(
    ready: KernelTestbed, veth: Veth
) -> None:
    ready.kernel.links.attach(replace(veth, addresses=ADDRESSES[:1], gateways=GATEWAYS[:1]))
    seen = ready.kernel.links.inspect(veth)
    assert seen.addresses == {ADDRESSES[0]}
    assert seen.inner
    assert {replace(route, protocol=0) for route in seen.routes} == {
        Route(GATEWAYS[0], seen.inner.index, 100)
    }


def test_metric_0_becomes_1_for_ipv6(ready: KernelTestbed, veth: Veth) -> None:
    ready.kernel.links.attach(replace(veth, metric=0))
    routes = ready.kernel.links.inspect(veth).routes
    assert {(route.gateway, route.metric) for route in routes} == {
        (GATEWAYS[0], 0),
        (GATEWAYS[1], 1),
    }


def test_each_namespace_has_names_of_its_own(
    ready: KernelTestbed, box: Sandbox, veth: Veth
) -> None:
    ready.kernel.links.attach(replace(veth, interface="br-web"))
    assert ready.kernel.sandboxes.free_name(box, ("lo", "br-web", "veth-shop")) == "veth-shop"
    asked = ("lo", "br-web", "veth-shop", "eth0", "br-we")
    assert [name for name in asked if ready.kernel.links.has_device(name)] == list(asked[:3])


def test_connect_does_not_change_a_link_in_the_sandbox_with_the_name(
    ready: KernelTestbed, box: Sandbox, veth: Veth
) -> None:
    ready.add_link("eth0", box)
    before = ready.links(), ready.links(box)
    with pytest.raises(InterfaceExists, match="eth0 in the sandbox"):
        ready.kernel.links.attach(veth)
    assert (ready.links(), ready.links(box)) == before


def test_attach_completes_a_pair_without_a_mark(
    ready: KernelTestbed, box: Sandbox, veth: Veth
) -> None:
    ready.begin_pair(veth)
    assert ready.links()["veth-shop"].mark == ""
    assert not ready.kernel.links.inspect(veth).addresses
    ready.kernel.links.attach(veth)
    assert ready.links()["veth-shop"].mark == veth.mark
    assert len(ready.kernel.links.inspect(veth).routes) == 2


def test_detach_deletes_a_pair_without_a_mark(
    ready: KernelTestbed, box: Sandbox, veth: Veth
) -> None:
    ready.begin_pair(veth)
    ready.kernel.links.detach([veth])
    assert not ready.links(box)


def test_the_outer_end_is_deleted_with_the_inner_end(
    ready: KernelTestbed, box: Sandbox, veth: Veth
) -> None:
    ready.kernel.links.attach(veth)
    ready.delete_link("eth0", box)
    assert set(ready.links()) == {"br-web"}
    seen = ready.kernel.links.inspect(veth)
    assert (seen.outer, seen.inner, seen.master, seen.sandbox_there) == (None, None, "", True)


def test_links_are_deleted_with_their_sandbox(
    ready: KernelTestbed, box: Sandbox, veth: Veth
) -> None:
    ready.kernel.links.attach(veth)
    ready.end_sandbox(box)
    assert set(ready.links()) == {"br-web"}
    assert not ready.kernel.sandboxes.exists(box)
    assert not ready.kernel.links.inspect(veth).sandbox_there
    ready.kernel.links.detach([veth])


def test_attach_refuses_another_sandbox_at_the_path(ready: KernelTestbed, veth: Veth) -> None:
    lost = Sandbox(ready.add_sandbox().path, 2**63)
    orphan = replace(veth, sandbox=lost)
    for verb in (
        ready.kernel.links.attach,
        lambda _: ready.kernel.sandboxes.free_name(lost, ["eth0"]),
    ):
        with pytest.raises(SandboxNotFound, match=lost.path):
            verb(orphan)
    assert set(ready.links()) == {"br-web"}
    assert not ready.kernel.links.inspect(orphan).sandbox_there


def test_attach_leaves_a_pair_whose_inner_end_is_in_another_sandbox(
    ready: KernelTestbed, box: Sandbox, veth: Veth
) -> None:
    ready.kernel.links.attach(veth)
    before = ready.links(), ready.links(box)
    other = ready.add_sandbox()
    moved = replace(veth, sandbox=other)
    with pytest.raises(KernelError, match="not in the sandbox"):
        ready.kernel.links.attach(moved)
    assert (ready.links(), ready.links(box)) == before
    ready.kernel.links.detach([moved])
    ready.kernel.links.attach(moved)
    assert not ready.links(box)
    assert set(ready.links(other)) == {"eth0"}


@pytest.mark.parametrize(
    ("address", "gateway"), [("10.2.0.2/24", "10.2.0.1"), ("fd00:2::2/64", "fd00:2::1")]
)
def test_two_default_routes_need_two_metrics(
    ready: KernelTestbed, veth: Veth, address: str, gateway: str
) -> None:
    ready.kernel.links.attach(veth)
    second = other_than(
        veth, addresses=(ip_interface(address),), gateways=(ip_address(gateway),), metric=100
    )
    with pytest.raises(KernelError, match="metric 100") as caught:
        ready.kernel.links.attach(second)
    assert caught.value.metadata["errno"] == "EEXIST"
    ready.kernel.links.attach(replace(second, metric=101))
    assert len(ready.kernel.links.inspect(second).routes) == 1


def test_a_full_bridge_takes_no_more_until_a_port_is_free(ready: KernelTestbed, veth: Veth) -> None:
    ports = [
        other_than(veth, name=f"p{n}", mark=f"mynet:i:{n}", interface=f"q{n}", sandbox=None)
        for n in range(1023)
    ]
    for port in ports:
        ready.begin_pair(port)
    with pytest.raises(BridgeFull, match="1023") as caught:
        ready.kernel.links.attach(veth)
    assert caught.value.metadata["errno"] == "EXFULL"
    assert ready.kernel.links.inspect(veth).outer is None
    ready.delete_link("q0")
    ready.kernel.links.attach(veth)
    assert ready.kernel.links.inspect(veth).master == "br-web"


def test_a_bridge_that_only_has_the_name_is_not_joined(
    ready: KernelTestbed, veth: Veth, box: Sandbox
) -> None:
    with pytest.raises(InterfaceExists, match="br-web"):
        ready.kernel.links.attach(
            replace(veth, bridge_mark="mynet:i:another", bridge_mac=mac_from("another"))
        )
    assert set(ready.links()) == {"br-web"}
    assert ready.kernel.sandboxes.free_name(box, ("lo", veth.interface)) == veth.interface


SETTINGS = {"net.ipv4.conf.IFNAME.rp_filter": "2", "net.ipv6.neigh.IFNAME.mcast_solicit": "7"}


def test_settings_of_the_inner_end_are_set_and_seen(ready: KernelTestbed, veth: Veth) -> None:
    ready.kernel.links.attach(replace(veth, settings={"net.ipv4.conf.IFNAME.rp_filter": "1"}))
    asked = replace(veth, settings=SETTINGS)
    assert ready.kernel.links.inspect(asked).settings != SETTINGS
    for _ in range(2):
        ready.kernel.links.attach(asked)
        assert ready.kernel.links.inspect(asked).settings == SETTINGS
    assert ready.kernel.links.inspect(veth).settings == {}


SLOW, FAST = Rate(125_000, 16384), Rate(5 * 10**9, 10**7)
SHAPER = Shaper("ifb-shop", "mynet:i:shop", mac_from("shaper"), FAST)


@pytest.mark.parametrize("with_sandbox", [True, False], ids=["sandbox", "no sandbox"])
def test_inspect_shows_the_limits_until_the_endpoint_is_detached(
    ready: KernelTestbed, veth: Veth, *, with_sandbox: bool
) -> None:
    limited = replace(veth, ingress=SLOW, shaper=SHAPER)
    if not with_sandbox:
        limited = replace(limited, sandbox=None, gateways=())
    ready.kernel.links.attach(replace(limited, ingress=None, shaper=None))
    seen = ready.kernel.links.inspect(limited)
    assert (seen.ingress, seen.egress) == (None, None)
    for _ in range(2):
        ready.kernel.links.attach(limited)
        seen = ready.kernel.links.inspect(limited)
        assert (seen.ingress, seen.egress) == (SLOW, FAST)
        assert ready.links()["ifb-shop"].mark == "mynet:i:shop"
        assert {link.name for link in ready.kernel.links.list_marked()} == {
            "br-web",
            "veth-shop",
            "ifb-shop",
        }
    for _ in range(2):
        ready.kernel.links.detach([limited])
        assert set(ready.links()) == {"br-web"}


def test_one_direction_may_be_limited_alone(ready: KernelTestbed, veth: Veth) -> None:
    inward, outward = replace(veth, ingress=FAST), replace(veth, shaper=SHAPER)
    ready.kernel.links.attach(inward)
    assert (
        ready.kernel.links.inspect(inward).ingress,
        ready.kernel.links.inspect(inward).egress,
    ) == (
        FAST,
        None,
    )
    assert set(ready.links()) == {"br-web", "veth-shop"}
    ready.kernel.links.detach([inward])
    ready.kernel.links.attach(outward)
    seen = ready.kernel.links.inspect(outward)
    assert (seen.ingress, seen.egress) == (None, FAST)


def test_attach_creates_a_missing_shaper_again(ready: KernelTestbed, veth: Veth) -> None:
    limited = replace(veth, ingress=SLOW, shaper=SHAPER)
    ready.kernel.links.attach(limited)
    ready.delete_link("ifb-shop")
    assert ready.kernel.links.inspect(limited).egress is None
    ready.kernel.links.attach(limited)
    assert ready.kernel.links.inspect(limited).egress == FAST


@pytest.mark.parametrize("mark", ["", "mynet:other:shop"])
def test_attach_refuses_the_name_of_a_foreign_shaper_and_leaves_it(
    ready: KernelTestbed, veth: Veth, mark: str
) -> None:
    limited = replace(veth, shaper=SHAPER)
    ready.add_link("ifb-shop", mark=mark)
    before = ready.links()["ifb-shop"]
    with pytest.raises(InterfaceExists, match="ifb-shop"):
        ready.kernel.links.attach(limited)
    ready.kernel.links.detach([limited])
    assert ready.links()["ifb-shop"] == before
