"""Published ports at the link-local addresses of the host."""

import pytest

from mynet.v1.network_pb2 import Network
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.namespace import Namespace
from tests.e2e.support.published_ports import ADDRESSES, WEB
from tests.e2e.support.testbed import Sandbox


def own_address(namespace: Namespace, link: str) -> str:
    """Return the link-local address of a link."""
    (shown,) = namespace.json("ip", "-j", "addr", "show", "dev", link)
    addresses = shown["addr_info"]
    return next(str(each["local"]) for each in addresses if each["local"].startswith("fe80:"))


def test_a_port_at_the_uplink_s_link_local_address_is_refused_at_once(
    daemon: Daemon, blue: Network, one: Sandbox
) -> None:
    """The kernel forwards no packet from a link-local address to another link."""
    daemon.connect("one", ports=[WEB])
    host = own_address(daemon.testbed, "uplink")
    with one.listen(ADDRESSES[1], 80):
        with pytest.raises(ConnectionRefusedError):
            daemon.testbed.outside.dial(f"{host}%eth0", 8080)
        with pytest.raises(OSError, match=r"refused|Network is unreachable"):
            daemon.testbed.dial(f"{host}%uplink", 8080)


def test_a_port_at_the_bridge_s_link_local_address_answers(
    daemon: Daemon, blue: Network, one: Sandbox, two: Sandbox
) -> None:
    daemon.connect("one", ports=[WEB])
    daemon.connect("two")
    bridge = own_address(daemon.testbed, "br-blue")
    with one.listen(ADDRESSES[1], 80) as listener:
        for client, link in ((two, "eth0"), (daemon.testbed, "br-blue")):
            with client.dial(f"{bridge}%{link}", 8080) as near, listener.accept()[0] as far:
                near.sendall(b"word")
                assert far.recv(100) == b"word"
