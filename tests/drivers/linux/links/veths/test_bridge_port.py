"""The outer end as a port of its bridge on the real kernel, as ``bridge`` and ``ip`` show it."""

import socket
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_interface

import pytest

from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.links.mac import mac_from
from mynet.drivers.linux.values.bridge_port import FDB_MAX_LEARNED
from mynet.drivers.linux.values.desired import Bridge, Veth
from tests.drivers.linux.support.namespaces import Namespace

BRIDGE = Bridge("br-web", "mynet:i:web", mac_from("web"), 1500, (ip_interface("10.1.0.1/24"),))
GUARDED = {
    "learning": False,
    "locked": True,
    "flood": False,
    "group_fwd_mask": "0xfffd",
    # Address resolution, multicast DNS and routers' advertisements need these.
    "mcast_flood": True,
    "bcast_flood": True,
}
OPEN = GUARDED | {"learning": True, "locked": False, "flood": True, "group_fwd_mask": "0"}


@pytest.fixture(autouse=True)
def bridge(host: Namespace, kernel: LinuxKernel) -> None:
    kernel.links.ensure_bridge(BRIDGE)


def veth(box: Namespace, number: int) -> Veth:
    return Veth(
        name=f"veth{number}",
        mark=f"mynet:i:e{number}",
        outer_mac=mac_from(f"e{number}"),
        bridge="br-web",
        bridge_mark=BRIDGE.mark,
        bridge_mac=BRIDGE.mac,
        mtu=1500,
        interface="eth0",
        mac=f"02:42:0a:01:00:{number:02x}",
        addresses=(ip_interface(f"10.1.0.{number}/24"),),
        sandbox=box.sandbox,
    )


def port(host: Namespace, name: str) -> dict[str, object]:
    (link,) = host.json("ip", "-d", "-j", "link", "show", "dev", name)
    flags = link["linkinfo"]["info_slave_data"]
    return {flag: flags[flag] for flag in GUARDED}


def entries(host: Namespace, name: str) -> set[tuple[str, ...]]:
    """Return the MAC addresses that the bridge has for a port, each with its state and flags."""
    return {
        (entry["mac"], entry["state"], *entry["flags"])
        for entry in host.json("bridge", "-j", "fdb", "show", "brport", name)
        if entry.get("master") and entry["state"] != "permanent"
    }


def test_a_guarded_port_is_closed_to_every_other_mac_address(
    host: Namespace, box: Namespace, kernel: LinuxKernel
) -> None:
    end = veth(box, 2)
    for _ in range(2):
        kernel.links.attach(end)
        assert port(host, "veth2") == GUARDED
        assert entries(host, "veth2") == {(end.mac, "static", "sticky")}
        link = host.link("veth2")
        assert link
        assert link["group"] == str(0x6D79)


def test_a_port_that_is_not_guarded_learns_and_floods(
    host: Namespace, box: Namespace, kernel: LinuxKernel
) -> None:
    kernel.links.attach(replace(veth(box, 2), guarded=False))
    assert port(host, "veth2") == OPEN
    assert not {entry for entry in entries(host, "veth2") if "static" in entry}


def test_adjust_opens_a_port_and_closes_it_again(
    host: Namespace, box: Namespace, kernel: LinuxKernel
) -> None:
    end = veth(box, 2)
    kernel.links.attach(end)
    for guarded in (False, False, True, True):
        kernel.links.adjust([replace(end, guarded=guarded)])
        assert port(host, "veth2") == (GUARDED if guarded else OPEN)
        assert ((end.mac, "static", "sticky") in entries(host, "veth2")) is guarded
        outer = kernel.links.inspect(end)
        assert outer.static_macs == ({end.mac} if guarded else set())
        survey = kernel.links.survey().outer(end)
        assert survey.static_macs == outer.static_macs


def send(box: Namespace, destination: str, source: str, count: int = 1) -> None:
    """Send frames from the sandbox, with consecutive sources."""
    first = int(source.replace(":", ""), 16)
    with box.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind(("eth0", 0))
        target = bytes.fromhex(destination.replace(":", ""))
        for number in range(count):
            raw.send(target + (first + number).to_bytes(6) + b"\x88\xb5" + bytes(50))


@pytest.mark.parametrize("guarded", [True, False])
def test_a_flood_of_mac_addresses_fills_no_forwarding_database(
    host: Namespace, box: Namespace, kernel: LinuxKernel, *, guarded: bool
) -> None:
    kernel.links.attach(replace(veth(box, 2), guarded=guarded))
    before = len(host.json("bridge", "-j", "fdb"))
    send(box, "02:00:00:00:00:01", "02:ee:00:00:00:00", 2000)
    added = len(host.json("bridge", "-j", "fdb")) - before
    assert (added == 0) is guarded


def test_a_bridge_learns_a_limited_number_of_mac_addresses(
    host: Namespace, box: Namespace, kernel: LinuxKernel
) -> None:
    kernel.links.attach(replace(veth(box, 2), guarded=False))
    before = len(host.json("bridge", "-j", "fdb"))
    send(box, "02:00:00:00:00:01", "02:ee:00:00:00:00", 2 * FDB_MAX_LEARNED)
    assert len(host.json("bridge", "-j", "fdb")) - before <= FDB_MAX_LEARNED
    assert box.pings("10.1.0.1")


def test_an_endpoint_cannot_take_the_mac_address_of_another(
    host: Namespace, new_sandbox: Callable[[], Namespace], kernel: LinuxKernel
) -> None:
    attacker, victim, third = (new_sandbox() for _ in range(3))
    ends = [veth(box, number) for number, box in enumerate((attacker, victim, third), 2)]
    # The third is not guarded. A port that learns would move an entry that is not sticky.
    for end in (*ends[:2], replace(ends[2], guarded=False)):
        kernel.links.attach(end)
    for box in (attacker, third):
        send(box, BRIDGE.mac, ends[1].mac, 5)
        send(box, "ff:ff:ff:ff:ff:ff", ends[1].mac, 5)
    assert entries(host, "veth3") == {(ends[1].mac, "static", "sticky")}
    assert victim.pings("10.1.0.1")
    assert host.pings("10.1.0.3")


def test_the_entry_survives_that_the_port_is_down(
    host: Namespace, box: Namespace, kernel: LinuxKernel
) -> None:
    end = veth(box, 2)
    kernel.links.attach(end)
    host.run("ip", "link", "set", "veth2", "down")
    assert entries(host, "veth2") == {(end.mac, "static", "sticky")}


def test_sandboxes_reach_each_other_and_the_host(
    host: Namespace, new_sandbox: Callable[[], Namespace], kernel: LinuxKernel
) -> None:
    one, two = new_sandbox(), new_sandbox()
    kernel.links.attach(veth(one, 2))
    kernel.links.attach(veth(two, 3))
    assert one.pings("10.1.0.3")
    assert two.pings("10.1.0.1")
    assert host.pings("10.1.0.2")
