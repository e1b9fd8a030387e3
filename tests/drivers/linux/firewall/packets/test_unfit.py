"""TCP packets that fit no connection, and connections whose tracking the kernel has lost."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from mynet.drivers.api import PortMapping
from tests.drivers.linux.support.namespaces import forget_all_flows
from tests.drivers.linux.support.raw_packets import send_segment
from tests.drivers.linux.support.topology import FAMILIES, HOST, Topology, by_family

FAR = 0x50000000  # how far a segment is outside the window

# To read the numbers of the next byte that a socket sends and receives, as CRIU does: tcp(7).
_TCP_REPAIR, _TCP_REPAIR_QUEUE, _TCP_QUEUE_SEQ = 19, 20, 21
_RECEIVES, _SENDS, _OFF = 1, 2, -1


@pytest.fixture(scope="module")
def topology(unfiltered: Topology) -> Topology:
    # A bad segment counts as one of a known connection only while the kernel checks windows.
    unfiltered.namespaces["host"].set("netfilter/nf_conntrack_tcp_be_liberal", "0")
    unfiltered.publish("red1", PortMapping(80, host_port=8080))
    return unfiltered


@dataclass
class Connection:
    """Both ends of a TCP connection, and the address of the client that the server sees."""

    client: socket.socket
    server: socket.socket
    client_seen: tuple[str, int]

    def exchanges(self) -> bool:
        for sender, receiver in ((self.client, self.server), (self.server, self.client)):
            sender.sendall(b"word")
            if receiver.recv(100) != b"word":
                return False
        return True


@contextmanager
def connection(
    topology: Topology, client: str, server: str, to: tuple[str, int], port: int, version: int
) -> Iterator[Connection]:
    with ExitStack() as stack:
        listener = stack.enter_context(
            topology.listening(server, version, socket.SOCK_STREAM, port)
        )
        listener.listen()
        with topology.namespaces[client].entered():
            near = stack.enter_context(socket.socket(FAMILIES[version]))
        near.settimeout(30)
        near.connect((to[0], to[1] or listener.getsockname()[1]))
        far, seen = listener.accept()
        stack.enter_context(far)
        far.settimeout(30)
        yield Connection(near, far, seen[:2])


def kinds(topology: Topology, version: int) -> dict[str, tuple[str, str, tuple[str, int], int]]:
    """Return the client, the server, what the client asks for, and the server's port."""
    return {
        "masqueraded": ("red1", "outside", (topology.address("outside", version), 0), 0),
        "published": ("outside", "red1", (HOST[version], 8080), 80),
        "the host's": ("host", "outside", (topology.address("outside", version), 0), 0),
        "to the host": ("outside", "host", (HOST[version], 0), 0),
    }


by_kind = pytest.mark.parametrize("kind", ["masqueraded", "published", "the host's", "to the host"])


def numbers(sock: socket.socket) -> tuple[int, int]:
    """Return the numbers of the next byte that the socket sends, and of the next it expects."""
    tcp = socket.IPPROTO_TCP
    sock.setsockopt(tcp, _TCP_REPAIR, 1)
    found = []
    for queue in (_SENDS, _RECEIVES):
        sock.setsockopt(tcp, _TCP_REPAIR_QUEUE, queue)
        found.append(sock.getsockopt(tcp, _TCP_QUEUE_SEQ) & 0xFFFFFFFF)
    sock.setsockopt(tcp, _TCP_REPAIR, _OFF)
    return found[0], found[1]


@by_family
@by_kind
def test_a_segment_outside_the_window_ends_no_connection(
    topology: Topology, version: int, kind: str
) -> None:
    """A reset that the host sends for it would have the number that its peer expects."""
    client, server, to, port = kinds(topology, version)[kind]
    with connection(topology, client, server, to, port, version) as made:
        there = made.server if server == "outside" else made.client
        other = made.client_seen if server == "outside" else made.client.getpeername()[:2]
        sends, expects = numbers(there)
        number = (sends + FAR) % 2**32
        source = there.getsockname()[:2]
        send_segment(topology.namespaces["outside"], source, other, number, expects)
        assert topology.namespaces["outside"].pings(HOST[version])  # the host has had the segment
        assert made.exchanges()


@by_family
@by_kind
def test_a_connection_goes_on_when_its_tracking_is_lost(
    topology: Topology, version: int, kind: str
) -> None:
    """Like: conntrack -F. The sandbox's next packet has the source that it had before."""
    client, server, to, port = kinds(topology, version)[kind]
    with connection(topology, client, server, to, port, version) as made:
        assert made.exchanges()
        forget_all_flows(topology.namespaces["host"])
        assert made.exchanges()


@by_family
@by_kind
@pytest.mark.parametrize("first", ["client", "server"])
def test_either_end_may_send_first_when_the_tracking_is_lost(
    topology: Topology, version: int, kind: str, first: str
) -> None:
    """A packet from outside in a connection that the host forwards would seem to be the host's."""
    client, server, to, port = kinds(topology, version)[kind]
    with connection(topology, client, server, to, port, version) as made:
        ends = [made.client, made.server]
        sender, other = ends if first == "client" else ends[::-1]
        forget_all_flows(topology.namespaces["host"])
        sender.sendall(b"first")
        assert topology.namespaces["outside"].pings(HOST[version])  # the host has had the segment
        other.sendall(b"then")
        assert sender.recv(100) == b"then"
        assert other.recv(100) == b"first"


@by_family
def test_two_ends_that_open_a_connection_at_once_have_it(topology: Topology, version: int) -> None:
    """Both send a SYN, as two hosts behind NAT do (RFC 5382, REQ-2)."""
    outside, port = topology.namespaces["outside"], 7007
    chain = "{ type filter hook input priority 0; tcp dport 7008 drop; }"
    outside.run("nft", f"table inet late {{ chain input {chain}; }}")
    with ExitStack() as stack:
        near, far = (
            stack.enter_context(topology.listening(name, version, socket.SOCK_STREAM, number))
            for name, number in (("red1", port), ("outside", port + 1))
        )
        near.settimeout(0)
        assert (
            near.connect_ex((topology.address("outside", version), port + 1)) == errno.EINPROGRESS
        )
        outside.run("nft", "delete", "table", "inet", "late")
        far.connect((HOST[version], port))
        near.settimeout(30)
        far.sendall(b"word")
        assert near.recv(100) == b"word"


@by_family
def test_a_sandbox_leaves_by_a_port_that_has_just_refused_its_peer(
    topology: Topology, version: int
) -> None:
    """The peer comes too early, as one of two hosts behind NAT does, and tries again."""
    port = 7010
    with ExitStack() as stack:
        far = stack.enter_context(topology.listening("outside", version, socket.SOCK_STREAM))
        with pytest.raises(ConnectionRefusedError):
            far.connect((HOST[version], port))
        address = far.getsockname()[1]
        far.close()
        server = topology.listening("outside", version, socket.SOCK_STREAM, address)
        listener = stack.enter_context(server)
        listener.listen()
        near = stack.enter_context(topology.listening("red1", version, socket.SOCK_STREAM, port))
        near.connect((topology.address("outside", version), address))
        made, seen = listener.accept()
        made.close()
        assert seen[:2] == (HOST[version], port)


@by_family
@pytest.mark.parametrize("kind", ["the host's", "to the host"])
def test_the_hosts_own_connection_goes_on_where_the_kernel_takes_up_none(
    topology: Topology, version: int, kind: str
) -> None:
    """All packets of a connection without tracking are then invalid."""
    client, server, to, port = kinds(topology, version)[kind]
    host = topology.namespaces["host"]
    with connection(topology, client, server, to, port, version) as made:
        host.set("netfilter/nf_conntrack_tcp_loose", "0")
        forget_all_flows(host)
        assert made.exchanges()
    host.set("netfilter/nf_conntrack_tcp_loose", "1")


@by_family
def test_a_closed_port_of_the_host_refuses_at_once(topology: Topology, version: int) -> None:
    with topology.listening("host", version, socket.SOCK_STREAM) as gone:
        port = gone.getsockname()[1]
    for client in ("outside", "red1"):
        with topology.namespaces[client].entered():
            sock = socket.socket(FAMILIES[version])
        with sock:
            sock.settimeout(30)
            with pytest.raises(ConnectionRefusedError):
                sock.connect((HOST[version], port))


@by_family
def test_a_port_of_a_program_of_the_host_refuses_what_it_does_not_know(
    topology: Topology, version: int
) -> None:
    """A client learns at once that the program has lost its connection, but still listens."""
    host = topology.namespaces["host"]
    with connection(topology, "outside", "host", (HOST[version], 0), 0, version) as made:
        made.server.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
        made.server.close()  # in silence
        forget_all_flows(host)
        made.client.sendall(b"word")
        with pytest.raises(ConnectionResetError):
            made.client.recv(1)


@by_family
@pytest.mark.parametrize("client", ["outside", "red1"])
def test_a_closed_udp_port_of_the_host_is_reported_and_not_remembered(
    topology: Topology, version: int, client: str
) -> None:
    assert topology.is_told_that_the_port_is_closed(client, "host", version)
    flows = topology.namespaces["host"].run("cat", "/proc/thread-self/net/nf_conntrack")
    (address,) = {topology.address("outside", version)}
    assert f"udp 17 src={address} dst={HOST[version]}" not in " ".join(flows.split())


@by_family
def test_what_another_firewall_drops_gets_no_answer(topology: Topology, version: int) -> None:
    host = topology.namespaces["host"]
    chain = "{ type filter hook input priority 10; udp dport 1053 drop; }"
    host.run("nft", f"table inet others {{ chain input {chain}; }}")
    with topology.namespaces["outside"].entered():
        silent, witness = (socket.socket(FAMILIES[version], socket.SOCK_DGRAM) for _ in range(2))
    with silent, witness:
        for sock, port in ((silent, 1053), (witness, 1054)):
            sock.settimeout(30)
            sock.connect((HOST[version], port))
            sock.send(b"question")
        with pytest.raises(ConnectionRefusedError):
            witness.recv(100)
        assert silent.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    host.run("nft", "delete", "table", "inet", "others")
