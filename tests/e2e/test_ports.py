"""Published ports of the real daemon: traffic, refusals, restarts, and whatever may be left."""

import json
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from typing import Any

import pytest

from mynet.v1.network_pb2 import (
    PROTOCOL_UDP,
    Endpoint,
    Network,
    PortMapping,
)
from tests.e2e.daemon import Daemon, connect, eventually, refusal
from tests.e2e.namespace import SECONDS, Namespace
from tests.e2e.stage import HOST, OUTSIDE, Sandbox, Stage

WEB = PortMapping(host_port=8080, container_port=80)
DNS = PortMapping(protocol=PROTOCOL_UDP, host_port=5300, container_port=53)
MANY = PortMapping(host_port=9000, container_port=9000, count=101)
CHOSEN = PortMapping(container_port=80)
ADDRESSES = ("10.88.0.2", "fd88::2")  # of the first sandbox on network blue
GATEWAYS = ("10.88.0.1", "fd88::1")
BRIDGED = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")
by_family = pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])


@pytest.fixture(scope="module")
def options() -> Sequence[str]:
    return ["--no-heal"]


def reached(client: Namespace, server: Namespace, at: tuple[str, int], to: tuple[str, int]) -> str:
    """Exchange words over TCP with whoever listens at ``at``; return whom it saw."""
    with (
        server.listen(*at) as listener,
        client.dial(*to) as near,
        listener.accept()[0] as far,
    ):
        for sender, receiver in ((near, far), (far, near)):
            receiver.settimeout(5)
            sender.sendall(b"words")
            assert receiver.recv(100) == b"words"
        peer: str = far.getpeername()[0]
        return peer


def answered(client: Namespace, server: Namespace, at: tuple[str, int], to: tuple[str, int]) -> str:
    """Exchange words over UDP, likewise."""
    family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET

    def made() -> socket.socket:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.settimeout(5)
        return sock

    with server._inside(made) as far, client._inside(made) as near:
        far.bind(at)
        near.connect(to)
        near.send(b"question")
        said, back = far.recvfrom(100)
        far.sendto(b"answer", back)
        assert (said, near.recv(100)) == (b"question", b"answer")
        return str(back[0])


def is_free(stage: Stage, port: int, kind: int = socket.SOCK_STREAM) -> bool:
    """Say whether a program of the host could have a port at all its addresses."""

    def take() -> bool:
        with socket.socket(socket.AF_INET6, kind) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
            try:
                sock.bind(("::", port))
            except OSError:
                return False
            return True

    return stage._inside(take)


def elements(stage: Stage) -> int:
    """Count the elements of all the firewall's maps of ports."""
    found = stage.firewall().items()
    return sum(len(elements) for name, elements in found if name.startswith("pub"))


@contextmanager
def program(stage: Stage, port: int) -> Iterator[int]:
    """Let a program of the host listen on a port; tell its pid."""
    script = f"import socket, time; s = socket.create_server(('', {port})); time.sleep(600)"
    process = stage.start(sys.executable, "-c", script)
    eventually(lambda: not is_free(stage, port))
    yield process.pid
    process.kill()
    process.wait(SECONDS)


@pytest.fixture(params=["0", "1"], ids="br_netfilter={}".format)
def filtered(request: pytest.FixtureRequest, daemon: Daemon) -> None:
    """With and without bridged frames passing the firewall; this kernel has to have it."""
    for setting in BRIDGED:
        daemon.stage.run("sh", "-c", f"echo {request.param} >/proc/sys/net/bridge/{setting}")


@by_family
@pytest.mark.usefixtures("filtered")
def test_a_port_is_reached_from_everywhere(
    daemon: Daemon, blue: Network, one: Sandbox, two: Sandbox, family: int
) -> None:
    daemon.connect("one", ports=[WEB, DNS])
    daemon.create("red", "10.77.0.0/24", "fd77::/64")
    stage, stranger = daemon.stage, ("10.77.0.2", "fd77::2")[family]
    daemon.connect("two", network="red")
    gateway = GATEWAYS[family]
    for client, by, seen in (
        (stage.outside, HOST[family], OUTSIDE[family]),
        (stage, HOST[family], HOST[family]),
        (stage, gateway, gateway),
        (two, HOST[family], stranger),
        (two, gateway, stranger),
        (one, HOST[family], gateway),
        (one, gateway, gateway),
    ):
        assert reached(client, one, (ADDRESSES[family], 80), (by, 8080)) == seen
        assert answered(client, one, (ADDRESSES[family], 53), (by, 5300)) == seen
    if family == 0:
        assert reached(stage, one, (ADDRESSES[0], 80), ("127.0.0.1", 8080)) == gateway
        assert answered(stage, one, (ADDRESSES[0], 53), ("127.0.0.1", 5300)) == gateway


@by_family
@pytest.mark.usefixtures("filtered", "blue")
def test_a_neighbour_reaches_it_by_the_host(
    daemon: Daemon, one: Sandbox, two: Sandbox, family: int
) -> None:
    daemon.connect("one", ports=[WEB])
    daemon.connect("two")
    for by in (HOST[family], GATEWAYS[family]):
        seen = reached(two, one, (ADDRESSES[family], 80), (by, 8080))
        assert seen == GATEWAYS[family]
    direct = reached(two, one, (ADDRESSES[family], 80), (ADDRESSES[family], 80))
    assert direct == ("10.88.0.3", "fd88::3")[family]


@by_family
@pytest.mark.usefixtures("filtered")
def test_whichever_subnet_of_the_network_they_are_in_neighbours_reach_it_by_the_host(
    daemon: Daemon, one: Sandbox, two: Sandbox, family: int
) -> None:
    """One is in both subnets, so it knows a way to two that does not lead back through the host."""
    subnets = (("10.1.0.0/24", "10.2.0.0/24"), ("fd01::/64", "fd02::/64"))[family]
    first, second = (str(ip_network(each)[10]) for each in subnets)
    gateways = [str(ip_network(each)[1]) for each in subnets]
    daemon.create("blue", *subnets)
    daemon.connect("one", addresses=[first, second], ports=[WEB, DNS])
    daemon.connect("two", addresses=[str(ip_network(subnets[1])[20])])
    for client in (one, two):
        for by in (HOST[family], *gateways):
            assert reached(client, one, (first, 80), (by, 8080)) == gateways[0]
            assert answered(client, one, (first, 53), (by, 5300)) == gateways[0]


@by_family
@pytest.mark.parametrize(
    "kind",
    [{"icc": "false"}, {"gateway_mode_ipv4": "routed", "gateway_mode_ipv6": "routed"}],
    ids=["icc=false", "routed"],
)
def test_it_is_reached_on_a_network_of_another_kind_too(
    daemon: Daemon, one: Sandbox, two: Sandbox, family: int, kind: dict[str, str]
) -> None:
    for setting in BRIDGED:
        daemon.stage.run("sh", "-c", f"echo 0 >/proc/sys/net/bridge/{setting}")
    daemon.create("blue", options=kind)
    daemon.connect("one", ports=[WEB])
    daemon.connect("two")
    clients = {daemon.stage.outside: OUTSIDE, daemon.stage: HOST, two: GATEWAYS, one: GATEWAYS}
    for client, seen in clients.items():
        at, to = (ADDRESSES[family], 80), (HOST[family], 8080)
        assert reached(client, one, at, to) == seen[family]


@by_family
@pytest.mark.usefixtures("filtered", "blue")
def test_it_may_be_on_another_network_than_its_sandbox_leaves_by(
    daemon: Daemon, one: Sandbox, two: Sandbox, family: int
) -> None:
    daemon.create("red", "10.77.0.0/24", "fd77::/64")
    daemon.connect("one", network="red")
    daemon.connect("one", ports=[WEB, DNS])
    daemon.connect("two")
    for client, by, seen in (
        (daemon.stage.outside, HOST[family], OUTSIDE[family]),
        (daemon.stage, HOST[family], HOST[family]),
        (two, HOST[family], GATEWAYS[family]),
        (one, GATEWAYS[family], GATEWAYS[family]),
    ):
        assert reached(client, one, (ADDRESSES[family], 80), (by, 8080)) == seen
        assert answered(client, one, (ADDRESSES[family], 53), (by, 5300)) == seen


@pytest.mark.usefixtures("filtered", "blue")
def test_a_port_of_the_loopback_is_the_hosts_alone(
    daemon: Daemon, one: Sandbox, two: Sandbox
) -> None:
    daemon.connect(
        "one", ports=[PortMapping(host_ip="127.0.0.1", host_port=8081, container_port=80)]
    )
    daemon.connect("two")
    at = (ADDRESSES[0], 80)
    assert reached(daemon.stage, one, at, ("127.0.0.1", 8081)) == GATEWAYS[0]
    with one.listen(*at) as listener:
        listener.settimeout(0)
        for client in (daemon.stage.outside, one, two, daemon.stage):
            for address in (HOST[0], GATEWAYS[0]):
                if client is daemon.stage.outside and address == GATEWAYS[0]:
                    continue  # it knows no way there
                with pytest.raises(ConnectionRefusedError):
                    client.dial(address, 8081)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.usefixtures("blue", "one")
def test_over_the_loopback_of_ipv6_it_is_refused_at_once(daemon: Daemon) -> None:
    udp = PortMapping(protocol=PROTOCOL_UDP, host_port=9000, container_port=9000, count=101)
    daemon.connect("one", ports=[WEB, DNS, MANY, udp])
    for port in (8080, 9100):
        with pytest.raises(ConnectionRefusedError):
            daemon.stage.dial("::1", port)
    with daemon.stage._inside(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as sock:
        for port in (5300, 9100):
            with pytest.raises(PermissionError):
                sock.sendto(b"question", ("::1", port))
        sock.sendto(b"question", ("::1", 5301))  # to nobody's port, for comparison


@pytest.mark.usefixtures("blue")
def test_a_range_is_one_element_a_family(daemon: Daemon, one: Sandbox) -> None:
    before = elements(daemon.stage)
    daemon.connect("one", ports=[MANY])
    assert elements(daemon.stage) - before == 2
    for port in (9000, 9100):
        seen = reached(daemon.stage.outside, one, (ADDRESSES[0], port), (HOST[0], port))
        assert seen == OUTSIDE[0]


@pytest.mark.usefixtures("blue", "one", "two")
def test_ports_end_with_their_endpoint(daemon: Daemon) -> None:
    before = daemon.everything()
    daemon.connect("one", ports=[WEB, DNS, MANY])
    assert not is_free(daemon.stage, 8080)
    assert not is_free(daemon.stage, 5300, socket.SOCK_DGRAM)
    assert not is_free(daemon.stage, 9100)
    daemon.disconnect("one")
    assert is_free(daemon.stage, 8080)
    assert is_free(daemon.stage, 5300, socket.SOCK_DGRAM)
    assert is_free(daemon.stage, 9100)
    assert daemon.everything() == before
    daemon.connect("two", ports=[WEB, DNS, MANY])


@pytest.mark.usefixtures("blue", "one", "two")
def test_who_has_a_port_is_named(daemon: Daemon) -> None:
    holder = daemon.connect("one", ports=[WEB])
    before = daemon.everything()
    refused = refusal(daemon.net.Connect, connect("two", ports=[WEB]))
    assert (refused.code, refused.reason) == ("ALREADY_EXISTS", "PORT_IN_USE")
    assert f"endpoint {holder.id[:12]} of container one" in refused.message
    with program(daemon.stage, 22) as pid:
        asked = PortMapping(host_port=22, container_port=22)
        refused = refusal(daemon.net.Connect, connect("two", ports=[CHOSEN, asked]))
        assert (refused.code, refused.reason) == ("ALREADY_EXISTS", "PORT_IN_USE")
        assert f"(pid {pid})" in refused.message
    assert daemon.everything() == before


@pytest.mark.usefixtures("blue", "one", "two")
def test_ports_are_chosen_where_the_kernel_chooses(daemon: Daemon) -> None:
    ipv4 = "/proc/sys/net/ipv4"
    settings = f"cat {ipv4}/ip_local_port_range {ipv4}/ip_local_reserved_ports"
    before = daemon.stage.run("sh", "-c", settings).splitlines()
    try:
        daemon.stage.run("sh", "-c", f"echo 50000 50003 >{ipv4}/ip_local_port_range")
        daemon.stage.run("sh", "-c", f"echo 50001-50002 >{ipv4}/ip_local_reserved_ports")
        with program(daemon.stage, 50000):
            (port,) = daemon.connect("one", ports=[CHOSEN]).ports
            assert port.host_port == 50003
            refused = refusal(daemon.net.Connect, connect("two", ports=[CHOSEN]))
            assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "PORTS_EXHAUSTED")
    finally:
        daemon.stage.run("sh", "-c", f"echo {before[0]} >{ipv4}/ip_local_port_range")
        daemon.stage.run("sh", "-c", f"echo {before[1]} >{ipv4}/ip_local_reserved_ports")


@pytest.mark.usefixtures("blue", "one")
def test_the_limit_of_descriptors_is_looked_at_first(daemon: Daemon) -> None:
    stage, before = daemon.stage, daemon.everything()
    limits = stage.run("cat", f"/proc/{daemon.pid}/limits").splitlines()
    (soft, hard) = next(line.split()[3:5] for line in limits if line.startswith("Max open files"))
    assert soft == hard
    stage.run("prlimit", f"--pid={daemon.pid}", "--nofile=300:")
    try:
        refused = refusal(daemon.net.Connect, connect("one", ports=[MANY]))
    finally:
        stage.run("prlimit", f"--pid={daemon.pid}", f"--nofile={soft}:")
    assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "PORTS_EXHAUSTED")
    assert daemon.everything() == before


@pytest.mark.parametrize("damage", ["flush ruleset", "flush map inet mynet pub4"])
def test_what_somebody_took_out_of_the_firewall_is_missed_and_mended(
    daemon: Daemon, blue: Network, one: Sandbox, damage: str
) -> None:
    endpoint = daemon.connect("one", ports=[WEB])
    daemon.stage.run("nft", damage)
    lost = "The firewall does not lead TCP port 8080 to 10.88.0.2:80."
    assert lost in daemon.problems(endpoint)
    assert daemon.connect("one", ports=[WEB]) == endpoint
    assert daemon.problems(endpoint) == []
    outside = daemon.stage.outside
    assert reached(outside, one, (ADDRESSES[0], 80), (HOST[0], 8080)) == OUTSIDE[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ports_outlive_the_daemon_and_the_next_holds_them(empty_stage: Stage, number: int) -> None:
    stage, one = empty_stage, Sandbox(empty_stage, "one")
    daemon = Daemon(stage)
    daemon.create("blue")
    endpoint = daemon.connect("one", ports=[CHOSEN, WEB, MANY])
    chosen = endpoint.ports[0].host_port
    before = daemon.everything()
    daemon.signal(number)
    daemon.wait()
    assert is_free(stage, chosen)
    assert reached(stage.outside, one, (ADDRESSES[0], 80), (HOST[0], chosen)) == OUTSIDE[0]

    again = Daemon(stage)
    assert again.everything() == before
    assert list(again.endpoints()) == [endpoint]
    assert again.problems(endpoint) == []
    assert not any(is_free(stage, port) for port in (chosen, 8080, 9000, 9100))
    assert again.connect("one", ports=[CHOSEN, WEB, MANY]) == endpoint
    assert reached(stage.outside, one, (ADDRESSES[1], 80), (HOST[1], chosen)) == OUTSIDE[1]
    again.disconnect("one")
    assert all(is_free(stage, port) for port in (chosen, 8080, 9000, 9100))
    assert elements(stage) == 0


def test_a_port_that_was_taken_meanwhile_is_shown_and_does_not_stop_the_start(
    empty_stage: Stage,
) -> None:
    stage, one = empty_stage, Sandbox(empty_stage, "one")
    daemon = Daemon(stage)
    daemon.create("blue")
    endpoint = daemon.connect("one", ports=[WEB, DNS])
    daemon.stop()
    with program(stage, 8080) as pid:
        again = Daemon(stage)
        (problem,) = again.problems(endpoint)
        assert problem.startswith("TCP port 8080 is not held: ")
        assert problem.endswith(f"(pid {pid}) has it.")
        assert problem in again.log.read_text()
        assert not is_free(stage, 5300, socket.SOCK_DGRAM)
        assert reached(stage.outside, one, (ADDRESSES[0], 80), (HOST[0], 8080)) == OUTSIDE[0]
    assert again.connect("one", ports=[WEB, DNS]) == endpoint
    assert again.problems(endpoint) == []


def test_after_a_reboot_of_the_network_everything_is_there_again(empty_stage: Stage) -> None:
    stage, one = empty_stage, Sandbox(empty_stage, "one")
    daemon = Daemon(stage)
    daemon.create("blue")
    endpoint = daemon.connect("one", ports=[WEB])
    daemon.stop()
    stage.run("ip", "link", "del", "br-blue")
    stage.run("nft", "flush", "ruleset")
    again = Daemon(stage)
    assert again.problems(endpoint) == []
    assert reached(stage, one, (ADDRESSES[0], 80), ("127.0.0.1", 8080)) == GATEWAYS[0]


def test_a_daemon_killed_at_work_leaves_whole_endpoints_or_none(empty_stage: Stage) -> None:
    stage = empty_stage
    boxes = [Sandbox(stage, f"c{number}") for number in range(24)]
    daemon = Daemon(stage)
    daemon.create("blue")

    def ports(number: int) -> list[PortMapping]:
        return [PortMapping(host_port=8000 + number, container_port=80), CHOSEN]

    calls = [
        daemon.net.Connect.future(connect(box.name, ports=ports(number)))
        for number, box in enumerate(boxes)
    ]
    calls[3].result(SECONDS)
    daemon.signal(signal.SIGKILL)
    daemon.wait()

    again = Daemon(stage)
    endpoints = again.endpoints()
    assert [again.problems(each) for each in endpoints] == [[]] * len(endpoints)
    answered_to = [call.result().endpoint for call in calls if not call.exception()]
    assert {_ports(each) for each in answered_to} <= {_ports(each) for each in endpoints}
    assert elements(stage) == 4 * len(endpoints)  # two ports, two families
    taken = {port.host_port for each in endpoints for port in each.ports}
    assert {8000 + n for n in range(24) if not is_free(stage, 8000 + n)} <= taken
    for box in boxes:
        again.connect(box.name, ports=ports(int(box.name[1:])))
    again.delete("blue")
    assert elements(stage) == 0
    assert all(is_free(stage, port) for port in taken)


def _ports(endpoint: Endpoint) -> tuple[str, tuple[int, ...]]:
    return endpoint.id, tuple(port.host_port for port in endpoint.ports)


@pytest.mark.usefixtures("blue")
def test_mynetctl_publishes_and_shows_ports(daemon: Daemon, one: Sandbox) -> None:
    stage = daemon.stage
    words = "connect --netns one -p 8080:80 -p 127.0.0.1:5300:53/udp -p 9000-9100:9000-9100"
    stage.run("mynetctl", *words.split(), "blue", "one")
    shown = "8080->80/tcp,127.0.0.1:5300->53/udp,9000-9100->9000-9100/tcp"
    header, row = stage.run("mynetctl", "endpoint", "ls").splitlines()
    assert "PORTS" in header
    assert shown in row.split()
    (endpoint,) = daemon.endpoints()
    (inspected,) = json.loads(stage.run("mynetctl", "endpoint", "inspect", endpoint.id))
    assert inspected["ports"][1] == {
        "protocol": "PROTOCOL_UDP",
        "host_ip": "127.0.0.1",
        "host_port": 5300,
        "container_port": 53,
        "count": 1,
    }
    assert answered(stage, one, (ADDRESSES[0], 53), ("127.0.0.1", 5300)) == GATEWAYS[0]


@pytest.mark.usefixtures("blue")
def test_a_command_that_runs_publishes_while_it_does(daemon: Daemon) -> None:
    before = daemon.everything()
    script = "import socket; s = socket.create_server(('', 80)).accept()[0]; s.sendall(b'it runs')"
    command = ("mynetctl", "run", "-p", "8080:80", "blue", "--", sys.executable, "-c", script)
    process = daemon.stage.start(*command)

    def said() -> Any:
        with ExitStack() as stack:
            try:
                near = stack.enter_context(daemon.stage.outside.dial(HOST[0], 8080))
            except ConnectionRefusedError:
                return b""  # it does not listen yet
            return near.recv(100)

    eventually(lambda: said() == b"it runs")
    assert process.wait(SECONDS) == 0
    assert daemon.everything() == before
    assert is_free(daemon.stage, 8080)
