"""Reserved ports: no other program can take them, and the program that has one is found."""

import os
import re
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from ipaddress import ip_address

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.errors import KernelError, PortsExhausted
from mynet.drivers.linux.ports.reservations import Ports
from mynet.drivers.linux.values.ports import Binding, Program
from tests.drivers.linux.support.namespaces import Namespace

TCP, UDP, SCTP = PortProtocol
PORTS = Ports()
ANYWHERE = "0.0.0.0"  # noqa: S104 - what is tested
ANY, IPV4, IPV6 = frozenset({4, 6}), frozenset({4}), frozenset({6})
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_BEFORE = resource.getrlimit(resource.RLIMIT_NOFILE)
KINDS = {TCP: socket.SOCK_STREAM, UDP: socket.SOCK_DGRAM}


@pytest.fixture(autouse=True)
def _somewhere_else(host: Namespace) -> None:
    assert host


def can_take(protocol: PortProtocol, address: str, port: int = 8080) -> bool:
    """Return whether another program could bind a port with the options that servers set."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, KINDS[protocol]) as sock:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            sock.bind((address, port))
        except OSError:
            return False
        return True


@pytest.mark.parametrize("protocol", [TCP, UDP])
@pytest.mark.parametrize(
    ("versions", "address", "kept"),
    [
        (ANY, None, {ANYWHERE, "127.0.0.1", "127.0.0.2", "::", "::1"}),
        (IPV4, None, {ANYWHERE, "127.0.0.1", "127.0.0.2"}),
        (IPV6, None, {"::", "::1"}),
        (IPV4, "127.0.0.1", {ANYWHERE, "127.0.0.1"}),
    ],
)
def test_no_other_program_can_take_a_reserved_port(
    protocol: PortProtocol, versions: frozenset[int], address: str | None, kept: set[str]
) -> None:
    everywhere = {ANYWHERE, "127.0.0.1", "127.0.0.2", "::", "::1"}
    binding = Binding(protocol, 8080, versions, ip_address(address) if address else None)
    reservation = PORTS.reserve(binding)
    assert reservation
    assert {taken for taken in everywhere if not can_take(protocol, taken)} == kept
    assert PORTS.reserve(binding) is None
    reservation.close()
    assert all(can_take(protocol, free) for free in everywhere)


@pytest.mark.parametrize("protocol", [TCP, UDP])
@pytest.mark.parametrize("address", [ANYWHERE, "127.0.0.1", "::", "::1"])
def test_a_port_of_another_program_is_not_reserved(protocol: PortProtocol, address: str) -> None:
    family = FAMILIES[ip_address(address).version]
    with socket.socket(family, KINDS[protocol]) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((address, 8080))
        if protocol is TCP:
            other.listen()
        assert PORTS.reserve(Binding(protocol, 8080, ANY)) is None
    with closing(PORTS.reserve(Binding(protocol, 8080, ANY))) as reservation:  # type: ignore[type-var]
        assert reservation


def test_a_port_with_a_lingering_connection_is_reserved() -> None:
    with (
        socket.create_server(("127.0.0.1", 8080)) as server,
        socket.create_connection(("127.0.0.1", 8080)),
    ):
        server.accept()[0].close()  # the side that closes first lingers
    reservation = PORTS.reserve(Binding(TCP, 8080, ANY))
    assert reservation
    reservation.close()


def test_a_reserved_port_refuses_connections() -> None:
    with (
        closing(PORTS.reserve(Binding(TCP, 8080, ANY))),  # type: ignore[type-var]
        pytest.raises(ConnectionRefusedError),
    ):
        socket.create_connection(("::1", 8080), timeout=5)


def test_a_port_of_sctp_is_reserved_with_and_without_kernel_support() -> None:
    reservation = PORTS.reserve(Binding(SCTP, 8080, ANY))
    assert reservation
    reservation.close()


@pytest.mark.parametrize("protocol", [TCP, UDP])
@pytest.mark.parametrize("address", ["192.0.2.7", "192.0.2.255"], ids=["unknown", "broadcast"])
def test_an_address_that_the_host_does_not_have_is_an_error(
    host: Namespace, address: str, protocol: PortProtocol
) -> None:
    host.run("ip", "link", "add", "lan", "up", "type", "bridge")
    host.run("ip", "addr", "add", "192.0.2.1/24", "dev", "lan")
    message = re.escape(f"reserve {protocol.name} port {address}:8080")
    with pytest.raises(KernelError, match=message) as caught:
        PORTS.reserve(Binding(protocol, 8080, IPV4, ip_address(address)))
    assert caught.value.metadata["errno"] == "EADDRNOTAVAIL"
    with closing(PORTS.reserve(Binding(protocol, 8080, IPV4, ip_address("192.0.2.1")))):  # type: ignore[type-var]
        assert not can_take(protocol, "192.0.2.1")


def test_a_low_port_without_the_capability_names_it(host: Namespace) -> None:
    script = (
        "from mynet.drivers.api import PortProtocol\n"
        "from mynet.drivers.errors import PrivilegeMissing\n"
        "from mynet.drivers.linux.ports.reservations import Ports\n"
        "from mynet.drivers.linux.values.ports import Binding\n"
        "try: Ports().reserve(Binding(PortProtocol.TCP, 80, frozenset({4})))\n"
        "except PrivilegeMissing as error: print(error)\n"
    )
    host.set("ipv4/ip_unprivileged_port_start", "1024")
    words = host.run(
        *("setpriv", "--bounding-set=-net_bind_service", "env"),
        *(f"PYTHONPATH={os.pathsep.join(sys.path)}", sys.executable, "-c", script),
    )
    assert words.startswith("mynetd may not reserve TCP port 80: it lacks CAP_NET_BIND_SERVICE; ")


def test_without_a_descriptor_left_the_limit_is_named() -> None:
    with ExitStack() as opened:

        def reserve_many() -> None:
            for port in range(1, 100):
                opened.enter_context(closing(PORTS.reserve(Binding(UDP, port, ANY))))  # type: ignore[type-var]

        opened.callback(_limit, _BEFORE[0])
        _limit(64)
        with pytest.raises(PortsExhausted, match="no file descriptor left"):
            reserve_many()


def _limit(number: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, _BEFORE[1]))


@pytest.mark.parametrize("protocol", [TCP, UDP])
@pytest.mark.parametrize("version", [4, 6])
def test_the_program_that_has_a_port_is_found(protocol: PortProtocol, version: int) -> None:
    script = (
        "import socket, sys\n"
        f"sock = socket.socket({int(FAMILIES[version])}, {int(KINDS[protocol])})\n"
        "sock.bind(('', 8080))\n"
        "sock.type == socket.SOCK_STREAM and sock.listen()\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()
        found = PORTS.program_at(Binding(protocol, 8080, ANY))
        child.stdin.close()
    assert found
    assert (found.pid, found.name[:6]) == (child.pid, "python")
    assert str(Program(7, "nginx")) == "nginx (pid 7)"


def test_a_free_port_has_no_program() -> None:
    assert PORTS.program_at(Binding(TCP, 8080, ANY)) is None
    assert PORTS.program_at(Binding(SCTP, 8080, ANY)) is None


@pytest.mark.parametrize(
    ("chosen_from", "reserved", "expected"),
    [
        ("40000 40009", "", [range(40000, 40010)]),
        ("40000 40009", "40003", [range(40000, 40003), range(40004, 40010)]),
        ("40000 40009", "80,39990-40001,40009", [range(40002, 40009)]),
        (
            "40000 40009",
            "40002-40003,40004,40008-41000",
            [range(40000, 40002), range(40005, 40008)],
        ),
        ("40000 40009", "40000-40009", []),
        ("40000 40009", "50000", [range(40000, 40010)]),
    ],
)
def test_choosable_ports_are_the_kernels_without_the_reserved_ones(
    host: Namespace, chosen_from: str, reserved: str, expected: list[range]
) -> None:
    host.set("ipv4/ip_local_port_range", chosen_from)
    host.set("ipv4/ip_local_reserved_ports", f"{reserved}\n")
    assert PORTS.choosable_ports() == expected
