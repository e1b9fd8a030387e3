"""Sandboxes whose inside is their owner's, and those that live although no path leads to them."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable

import pytest

from mynet.v1.network_pb2 import (
    CheckEndpointRequest,
    DoctorRequest,
    Endpoint,
    UpdateEndpointRequest,
)
from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.echo import conversation
from tests.e2e.support.namespace import PATIENCE, Namespace, talk
from tests.e2e.support.published_ports import WEB
from tests.e2e.support.testbed import OUTSIDE, Sandbox, Testbed


def restart(daemon: Daemon) -> Daemon:
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    return Daemon(daemon.testbed)


@pytest.fixture
def daemon(empty_testbed: Testbed) -> Daemon:
    made = Daemon(empty_testbed)
    made.create()
    return made


def findings(daemon: Daemon, *, repair: bool = False) -> list[str]:
    found = daemon.net.Doctor(DoctorRequest(repair=repair)).findings
    return [f"{finding.problem} {finding.remedy}" for finding in found]


BIND_TO_BRIDGE = """
ip -n one addr flush dev eth0
ip -n one link set eth0 down
ip -n one link set eth0 name eth0-nic address 02:00:00:00:00:77
ip -n one link add k6t-eth0 type bridge
ip -n one link set eth0-nic master k6t-eth0 up
ip -n one link set k6t-eth0 up
ip -n one link add tap0 type veth peer name guest0
ip netns add guest
ip -n one link set tap0 master k6t-eth0 up
ip -n one link set guest0 netns guest
ip -n guest link set guest0 address MAC
ip -n guest addr add 10.88.0.2/24 dev guest0
ip -n guest link set guest0 up
"""


def test_a_guest_behind_a_bridge_in_the_sandbox_keeps_what_its_owner_has_set(
    daemon: Daemon,
) -> None:
    """This is what KubeVirt does to an interface that it binds to a virtual machine."""
    testbed = daemon.testbed
    box, two = Sandbox(testbed, "one"), Sandbox(testbed, "two")
    endpoint = daemon.connect("one", options={"manage_inside": "false"})
    daemon.connect("two")
    for line in BIND_TO_BRIDGE.replace("MAC", endpoint.mac_address).strip().splitlines():
        testbed.run(*line.split())
    guest = Namespace(f"{testbed.root}/run/netns/guest")
    inside = seen_inside(box)
    with conversation(two, guest, "10.88.0.2") as connection:
        assert daemon.problems(endpoint) == []
        answer = daemon.net.CheckEndpoint(CheckEndpointRequest(endpoint=endpoint.id))
        assert ["manage_inside=false" in note for note in answer.notes] == [True]
        assert findings(daemon) == []
        damage_and_heal(daemon, endpoint)
        connection.go_on()
        findings(daemon, repair=True)
        daemon = restart(daemon)
        daemon.net.UpdateEndpoint(UpdateEndpointRequest(endpoint=endpoint.id, ports=[WEB]))
        daemon.connect("one", options={"manage_inside": "false"}, ports=[WEB])
        connection.go_on()
        assert daemon.problems(endpoint) == []
    assert seen_inside(box) == inside
    daemon.disconnect("one")
    assert "eth0-nic" not in box.links()
    daemon.stop()


def seen_inside(box: Namespace) -> dict[str, tuple[str, str, set[str]]]:
    """Return MAC address, bridge and addresses of the links of a sandbox."""
    return {
        name: (link["address"], link.get("master", ""), box.addresses(name))
        for name, link in box.links().items()
    }


def damage_and_heal(daemon: Daemon, endpoint: Endpoint) -> None:
    """Rename the host's end of the endpoint, and wait until it is healed."""
    index = daemon.testbed.links()[endpoint.host_interface]["ifindex"]
    daemon.testbed.run("ip", "link", "set", endpoint.host_interface, "name", "lan9")
    eventually(lambda: endpoint.host_interface in daemon.testbed.links())
    assert daemon.testbed.links()[endpoint.host_interface]["ifindex"] == index
    assert daemon.problems(endpoint) == []


def _descriptor(path: str) -> Callable[[], None]:
    fd = os.open(path, os.O_RDONLY)
    return lambda: os.close(fd)


def _socket(path: str) -> Callable[[], None]:
    sock = Namespace(path).inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    return sock.close


def _mount(path: str) -> Callable[[], None]:
    """Mount the namespace in a mount namespace of its own, where mynetd does not see it."""
    script = 'mount --make-rprivate / && mount --bind "$1" /proc/version && echo ready && exec cat'
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script, "sh", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout
    assert holder.stdout.readline() == b"ready\n"

    def end() -> None:
        holder.communicate(timeout=PATIENCE)

    return end


KEEPERS = {"a descriptor": _descriptor, "a socket": _socket, "a mount": _mount}


@pytest.mark.parametrize("keeper", KEEPERS)
def test_an_endpoint_whose_sandbox_lives_without_a_path_is_kept(
    daemon: Daemon, keeper: str
) -> None:
    testbed = daemon.testbed
    box, two = Sandbox(testbed, "one"), Sandbox(testbed, "two")
    endpoint = daemon.connect("one")
    daemon.connect("two")
    with conversation(box, two, "10.88.0.3") as connection:
        close = KEEPERS[keeper](box.path)
        testbed.run("ip", "netns", "del", "one")
        assert ["out of reach" in finding for finding in findings(daemon)] == [True]
        check = testbed.attempt("mynetctl", "endpoint", "check", endpoint.id)
        assert check.returncode == 1
        assert "The sandbox is out of reach: it lives" in check.stdout
        assert "or disconnect it." in check.stdout
        assert ["disconnect it" in finding for finding in findings(daemon, repair=True)] == [True]
        damage_and_heal_outside(daemon, endpoint)
        daemon = restart(daemon)
        assert endpoint.id in [known.id for known in daemon.endpoints()]
        connection.go_on()
    daemon.disconnect("one")
    assert endpoint.host_interface not in testbed.links()
    close()
    daemon.stop()


def damage_and_heal_outside(daemon: Daemon, endpoint: Endpoint) -> None:
    daemon.testbed.run("ip", "link", "set", endpoint.host_interface, "name", "lan9")
    eventually(lambda: endpoint.host_interface in daemon.testbed.links())


def test_an_endpoint_is_removed_when_what_kept_its_sandbox_is_gone(daemon: Daemon) -> None:
    box = Sandbox(daemon.testbed, "one")
    daemon.connect("one")
    close = _descriptor(box.path)
    daemon.testbed.run("ip", "netns", "del", "one")
    daemon = restart(daemon)
    assert len(daemon.endpoints()) == 1
    close()
    eventually(lambda: any("is gone" in finding for finding in findings(daemon)))

    def removed() -> bool:
        findings(daemon, repair=True)  # it leaves a record alone that healing is changing
        return not daemon.endpoints()

    eventually(removed)
    daemon.stop()


def test_a_container_that_is_restarted_moves_although_its_former_sandbox_lives(
    daemon: Daemon,
) -> None:
    box = Sandbox(daemon.testbed, "one")
    before = daemon.connect("one")
    close = _descriptor(box.path)
    daemon.testbed.run("ip", "netns", "del", "one")
    again = Sandbox(daemon.testbed, "one")
    after = daemon.connect("one")
    assert (after.id, list(after.addresses)) == (before.id, list(before.addresses))
    assert talk(again, daemon.testbed.outside, OUTSIDE[0])
    close()
    daemon.stop()
