"""Limits on the real kernel: what tc shows, and how damage is found and repaired."""

from dataclasses import replace
from typing import Any

import pytest

from mynet.drivers.api import Endpoint
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.links.lookup import EXISTS
from mynet.drivers.linux.netlink.links import tc
from mynet.drivers.linux.netlink.links.link_requests import new_ifb
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Rate
from mynet.drivers.testing import SampleCall
from tests.drivers.linux.support.namespaces import Namespace

CALL = SampleCall()
VETH, IFB = "vethchk1", "ifb-chk1"
TO_IT = "What goes to the sandbox"
INGRESS = f"{TO_IT} is not limited to 10Mbit."
BURST = "burst 16384 bytes"
EGRESS = "What comes from the sandbox is not limited to 20Mbit."


@pytest.fixture
def limited(driver: BridgeDriver, endpoint: Endpoint) -> Endpoint:
    options = {
        "bandwidth_ingress": "10Mbit",
        "bandwidth_egress": "20Mbit",
        "bandwidth_egress_burst": "64k",
    }
    asked = replace(endpoint, options=options)
    driver.connect(CALL, asked)
    return asked


def root(host: Namespace, device: str) -> dict[str, Any]:
    """Return the root queue of a device, as tc shows it."""
    (queue,) = (
        queue
        for queue in host.json("tc", "-j", "qdisc", "show", "dev", device)
        if queue.get("root")
    )
    return {"kind": queue["kind"], **queue["options"]}


def test_tc_shows_the_limits_that_connect_set(host: Namespace, limited: Endpoint) -> None:
    ingress, egress = root(host, VETH), root(host, IFB)
    assert (ingress["kind"], ingress["rate"]) == ("tbf", 1_250_000)
    assert (egress["kind"], egress["rate"]) == ("tbf", 2_500_000)
    bursts = [ingress["burst"], egress["burst"]]
    assert bursts == pytest.approx([16384, 65536], rel=0.001)  # they are kept as times
    assert ingress["lat"] == egress["lat"] == 50_000
    shown = host.run("tc", "filter", "show", "dev", VETH, "parent", "ffff:")
    assert f"mirred (Egress Redirect to device {IFB}) stolen" in shown
    assert "match 00000000/00000000 at 0" in shown


@pytest.mark.parametrize(
    ("damage", "problems"),
    [
        (f"tc qdisc del dev {VETH} root", [INGRESS]),
        (f"tc qdisc replace dev {VETH} root pfifo", [INGRESS]),
        (f"tc qdisc del dev {VETH} ingress", [EGRESS]),
        (f"tc filter del dev {VETH} parent ffff:", [EGRESS]),
        (f"tc qdisc del dev {IFB} root", [EGRESS]),
        (f"ip link set {IFB} down", [EGRESS]),
        (f"ip link del {IFB}", [EGRESS]),
        (
            f"tc qdisc replace dev {VETH} root tbf rate 30Mbit burst 16384 latency 50ms",
            [f"{TO_IT} is limited to 30Mbit ({BURST}) instead of 10Mbit ({BURST})."],
        ),
    ],
)
def test_check_names_damaged_limits_and_a_second_connect_repairs_them(
    host: Namespace, driver: BridgeDriver, limited: Endpoint, damage: str, problems: list[str]
) -> None:
    assert driver.check(CALL, limited) == []
    host.run(*damage.split())
    assert driver.check(CALL, limited) == problems
    driver.connect(CALL, limited)
    assert driver.check(CALL, limited) == []


def test_a_shaper_without_a_mark_is_completed_or_deleted(
    host: Namespace, driver: BridgeDriver, endpoint: Endpoint, limited: Endpoint
) -> None:
    shaper = driver._specs.veth(limited).shaper
    assert shaper
    for finish in (True, False):
        driver.disconnect(CALL, limited)
        with Netlink() as nl:
            made = Request(new_ifb(shaper.name, shaper.mac), "begin a shaper", IFB, EXISTS)
            assert nl.ask(made) == (0,)
        if finish:
            driver.connect(CALL, limited)
            assert driver.check(CALL, limited) == []
    driver.disconnect(CALL, limited)
    assert host.names() == {"lo", endpoint.network.interface}


def test_many_endpoints_with_limits_leave_no_link(
    host: Namespace, driver: BridgeDriver, kernel: LinuxKernel, limited: Endpoint
) -> None:
    every = [
        driver._specs.veth(
            replace(
                limited,
                id=f"e{number}",
                host_interface=f"vethe{number}",
                interface=f"cif-e{number}",
                sandbox=None,
            )
        )
        for number in range(60)
    ]
    for veth in every:
        kernel.links.attach(veth)
    kernel.links.detach(every)
    assert host.names() == {"lo", "br-check1", VETH, IFB}
    qdisc = host.run("tc", "qdisc", "show")
    assert qdisc.count("tbf") == 2


@pytest.mark.parametrize("rate", [Rate(1000, 1518), Rate(2**32 - 1, 2**20), Rate(2**32, 2**30)])
def test_the_kernel_reports_every_rate_as_it_was_set(
    host: Namespace, limited: Endpoint, rate: Rate
) -> None:
    with Netlink() as nl:
        index = nl.index(IFB)
        nl.ask(Request(tc.set_rate(index, rate), "limit", IFB))
        answer = nl.get_acknowledged(Request(tc.get_root(index), "look", IFB))
    assert answer
    assert tc.read_rate(answer) == rate
    assert root(host, IFB)["rate"] == rate.bytes_per_second
