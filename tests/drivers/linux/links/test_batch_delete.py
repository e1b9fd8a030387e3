"""Many links are deleted at the cost of one, and a link is gone when its caller returns."""

import socket
import threading

import pytest

from mynet.drivers.api import Network
from mynet.drivers.bridge.driver import BridgeDriver
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.links import batch_delete
from mynet.drivers.linux.links.batch_delete import delete_links
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.observed import Link
from mynet.drivers.testing import sample_endpoint
from tests.drivers.linux.support.namespaces import Namespace

THREADS = 32


@pytest.fixture
def datagrams(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Request, ...]]:
    """What would be sent to the kernel."""
    sent: list[tuple[Request, ...]] = []

    class Recorder(Netlink):
        def ask(self, *requests: Request) -> tuple[int, ...]:
            sent.append(requests)
            return ()

    monkeypatch.setattr(batch_delete, "Netlink", Recorder)
    return sent


def link(number: int) -> Link:
    return Link(number, f"veth{number}", "veth", "02:00:00:00:00:01", 1500)


def test_a_hundred_links_are_deleted_by_one_datagram(datagrams: list[tuple[Request, ...]]) -> None:
    delete_links([link(number) for number in range(1, 251)])
    assert [len(requests) for requests in datagrams] == [101, 101, 51]
    assert datagrams[0][-1].doing == "delete veth1, veth2, veth3"


def test_every_datagram_has_a_group_of_its_own(datagrams: list[tuple[Request, ...]]) -> None:
    for _ in range(20):
        delete_links([link(1)])
    assert len({requests[-1].message for requests in datagrams}) == 20


def test_many_threads_detach_at_once_on_the_real_kernel(
    host: Namespace,
    kernel: LinuxKernel,
    driver: BridgeDriver,
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deletions: list[str] = []

    class Counted(Netlink):
        def ask(self, *requests: Request) -> tuple[int, ...]:
            deletions.append(requests[-1].doing)
            return super().ask(*requests)

    monkeypatch.setattr(batch_delete, "Netlink", Counted)
    numbers = range(1, THREADS + 1)
    veths = [driver._specs.veth(sample_endpoint(network, number)) for number in numbers]
    for veth in veths:
        kernel.links.attach(veth)
    left: list[set[str]] = []
    together = threading.Barrier(THREADS)

    def detach(number: int) -> None:
        together.wait(timeout=60)
        kernel.links.detach([veths[number]])
        left.append(
            {name for _, name in socket.if_nameindex()}
            & {veths[number].name, veths[number].interface}
        )

    threads = [threading.Thread(target=detach, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left == [set()] * THREADS
    assert len(deletions) < THREADS / 2
    assert host.names() == {"lo", network.interface}
