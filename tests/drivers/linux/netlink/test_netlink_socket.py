"""Conversations with the kernel: every reply is read, and refusals become errors."""

import errno
import re
import socket

import pytest

from mynet.drivers.errors import KernelError
from mynet.drivers.linux.links.configuration import set_mac_and_mtu
from mynet.drivers.linux.links.lookup import GONE, find_link
from mynet.drivers.linux.netlink.addresses import address_replies, address_requests
from mynet.drivers.linux.netlink.links import link_replies, link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.values.desired import Bridge
from tests.drivers.linux.support.namespaces import Namespace
from tests.drivers.linux.support.scripted import (
    DONE,
    DUMP_INTERRUPTED,
    ERROR,
    Scripted,
    Watched,
    errno_of,
    put_in,
)

LINKS = Request(link_requests.get_link(), "list links", "links")


def bridge(name: str, *, forgive: frozenset[int] = frozenset()) -> Request:
    made = link_requests.new_bridge(Bridge(name, "", "02:00:00:00:00:01", 1500))
    return Request(made, f"make {name}", f"interface {name}", forgive)


def deletion(index: int, *, forgive: frozenset[int] = frozenset()) -> Request:
    return Request(link_requests.delete_link(index), f"delete {index}", f"link {index}", forgive)


def test_the_kernel_acts_on_requests_of_one_datagram_in_order(host: Namespace) -> None:
    with Netlink() as nl:
        watched = Watched(nl._socket)
        put_in(nl, watched)
        assert nl.ask(*(bridge(f"b{n}") for n in range(20))) == (0,) * 20
    assert len(watched.sent) == 1
    assert [name for _, name in sorted(socket.if_nameindex())] == [
        "lo",
        *(f"b{n}" for n in range(20)),
    ]


def test_ask_raises_the_first_refusal_after_the_kernel_acted_on_all_requests(
    host: Namespace,
) -> None:
    requests = (bridge("b1"), deletion(77), bridge("b1"), bridge("b2"))
    with Netlink() as nl, pytest.raises(KernelError, match="delete 77") as caught:
        nl.ask(*requests)
    assert caught.value.metadata == {"errno": "ENODEV", "object": "link 77"}
    assert caught.value.resource == "link 77"
    assert host.names() == {"lo", "b1", "b2"}


def test_ask_returns_an_errno_that_the_request_forgives(host: Namespace) -> None:
    stands = frozenset({errno.EEXIST})
    with Netlink() as nl:
        outcomes = nl.ask(
            bridge("b1"), deletion(77, forgive=GONE), bridge("b1", forgive=stands), bridge("b2")
        )
    assert outcomes == (0, errno.ENODEV, errno.EEXIST, 0)


def test_a_refusal_quotes_the_kernel(host: Namespace) -> None:
    host.run("ip", "link", "add", "v0", "type", "veth", "peer", "v1")
    with Netlink() as nl:
        link = find_link(nl, "v0")
        assert link
        with pytest.raises(KernelError) as caught:
            nl.ask(*set_mac_and_mtu(link, "02:00:00:00:00:01", 7))
    assert caught.value.metadata == {"errno": "EINVAL", "object": "interface v0"}
    assert "mtu less than device minimum" in str(caught.value)


def test_ask_raises_enobufs_when_the_socket_has_no_room_for_the_refusals(host: Namespace) -> None:
    with Netlink() as nl, pytest.raises(KernelError) as caught:
        nl.ask(*(deletion(index, forgive=GONE) for index in range(100, 2000)))
    assert caught.value.metadata["errno"] == "ENOBUFS"


def test_ask_raises_enobufs_when_the_kernel_does_not_reply() -> None:
    with Netlink() as nl:
        put_in(nl, Scripted([]))
        with pytest.raises(KernelError, match="make b1") as caught:
            nl.ask(bridge("b1"))
    assert caught.value.metadata["errno"] == "ENOBUFS"


def test_ask_raises_emsgsize_for_a_datagram_that_is_too_large(host: Namespace) -> None:
    with Netlink() as nl, pytest.raises(KernelError, match="make b0") as caught:
        nl.ask(*[bridge("b0")] * 5_000)
    assert caught.value.metadata["errno"] == "EMSGSIZE"


def test_get_returns_an_object_or_none(host: Namespace) -> None:
    with Netlink() as nl:
        loopback = find_link(nl, "lo")
        assert loopback
        assert (loopback.index, loopback.name, nl.index("lo")) == (1, "lo", 1)
        assert find_link(nl, "none") is None
        assert nl.index("none") == 0
        assert (nl.name(loopback.index), nl.name(loopback.index + 999)) == ("lo", "")
        strict = Request(link_requests.get_link(name="none"), "look up none", "interface none")
        with pytest.raises(KernelError, match="look up none") as caught:
            nl.get(strict)
    assert caught.value.metadata["errno"] == "ENODEV"


def test_dump_reads_a_list_again_that_changed_meanwhile(host: Namespace) -> None:
    """On the real kernel, an address is added between two parts of the first reading."""
    host.run("ip", "link", "add", "b1", "type", "bridge")
    batch = "".join(f"addr add 10.0.{n // 200}.{n % 200 + 1}/32 dev b1\n" for n in range(1000))
    host.run("ip", "-batch", "-", text=batch)
    changes = iter(["192.0.2.1/32"])

    def change() -> None:
        for address in changes:
            host.run("ip", "addr", "add", address, "dev", "b1")

    with Netlink() as nl:
        watched = Watched(nl._socket, change)
        put_in(nl, watched)
        listed = nl.dump(Request(address_requests.get_addresses(), "list addresses", "addresses"))
    assert len(watched.sent) == 2
    addresses = [str(address_replies.read_address(data)[1]) for data in listed]
    assert "192.0.2.1/32" in addresses
    assert len(addresses) == len(set(addresses)) == 1000 + 1 + 2  # and those of lo


PART = (16, 0, b"link")
CUT_PART = (16, DUMP_INTERRUPTED, b"link")
END, CUT_END = (DONE, 0, errno_of(0)), (DONE, DUMP_INTERRUPTED, errno_of(0))


@pytest.mark.parametrize("cut", [[CUT_PART, END], [PART, CUT_END], [CUT_END]])
def test_dump_reads_a_list_again_wherever_it_is_marked_as_interrupted(
    cut: list[tuple[int, int, bytes]],
) -> None:
    with Netlink() as nl:
        script = Scripted(cut, cut, [PART, PART, END])
        put_in(nl, script)
        assert len(nl.dump(LINKS)) == 2
    assert script.asked == 3


def test_dump_raises_eintr_for_a_list_that_keeps_changing() -> None:
    with Netlink() as nl:
        put_in(nl, Scripted(*[[PART, CUT_END]] * 10))
        with pytest.raises(KernelError, match=re.escape("it keeps changing")) as caught:
            nl.dump(LINKS)
    assert caught.value.metadata["errno"] == "EINTR"


@pytest.mark.parametrize("kind", [ERROR, DONE])
def test_dump_raises_the_error_at_the_end_of_a_list(kind: int) -> None:
    with Netlink() as nl:
        put_in(nl, Scripted([PART, (kind, 0, errno_of(errno.EMSGSIZE))]))
        with pytest.raises(KernelError, match="list links") as caught:
            nl.dump(LINKS)
    assert caught.value.metadata["errno"] == "EMSGSIZE"


def test_replies_to_earlier_requests_are_ignored(host: Namespace) -> None:
    with Netlink() as nl:
        nl._send((deletion(77),), 0)
        assert nl.ask(bridge("b1")) == (0,)
        nl._send((deletion(77),), 0)
        assert find_link(nl, "b1")
        nl._send((deletion(77),), 0)
        assert len(nl.dump(LINKS)) == 2


def test_a_socket_stays_in_the_namespace_where_it_was_opened(
    host: Namespace, box: Namespace
) -> None:
    with Netlink.inside(box.fd) as nl:
        nl.ask(bridge("there"))
        with Netlink() as here:
            here.ask(bridge("here"))
    assert box.names() == {"lo", "there"}
    assert host.names() == {"lo", "here"}


def test_many_objects_are_asked_for_at_once_and_each_has_its_reply(host: Namespace) -> None:
    names = [f"b{number}" for number in range(100)]
    with Netlink() as nl:
        nl.ask(*map(bridge, names[::2]))
        requests = [Request(link_requests.get_link(name=name), "get", name, GONE) for name in names]
        replies = nl.get_each(*requests)
        found = [reply and link_replies.read_link(reply).name for reply in replies]
        assert found == [name if int(name[1:]) % 2 == 0 else None for name in names]
        assert nl.get_each() == []
        strict = Request(link_requests.get_link(name="none"), "look up none", "none")
        with pytest.raises(KernelError, match="look up none"):
            nl.get_each(requests[0], strict, requests[2])
        again = nl.get(requests[4])  # replies of the refused datagram are not taken for others
    assert again is not None
    assert link_replies.read_link(again).name == "b4"
