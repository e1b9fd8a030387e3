"""A host with a second uplink: a router behind it, a client behind that, and what routes there."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.support.namespace import Namespace
from tests.e2e.support.published_ports import ADDRESSES, answered, reached
from tests.e2e.support.testbed import Sandbox, Testbed

OPTION = "reply_by_ingress"
# The host and the router at the second uplink, and a client behind that router.
NEAR, ROUTER = ("198.51.100.1", "2001:db8:5::1"), ("198.51.100.2", "2001:db8:5::2")
CLIENT = ("192.0.2.9", "2001:db8:9::9")
# As distributions write it: a second default route, or a table for the uplink's own address.
SECOND_DEFAULT = f"""
ip route add default via {ROUTER[0]} dev up1 metric 500
ip -6 route add default via {ROUTER[1]} dev up1 metric 2048
"""
OWN_TABLE = f"""
ip route add default via {ROUTER[0]} dev up1 table 101
ip -6 route add default via {ROUTER[1]} dev up1 table 101
ip rule add from {NEAR[0]} lookup 101 pref 32000
ip -6 rule add from {NEAR[1]} lookup 101 pref 32000
"""

_UPLINK = f"""
ip -batch - <<.
link add up1 type veth peer name eth0 netns router
address add {NEAR[0]}/24 dev up1
address add {NEAR[1]}/64 dev up1 nodad
link set up1 up
.
ip -n router -batch - <<.
link set lo up
address add {ROUTER[0]}/24 dev eth0
address add {ROUTER[1]}/64 dev eth0 nodad
address add {CLIENT[0]}/32 dev lo
address add {CLIENT[1]}/128 dev lo nodad
link set eth0 up
route add {NEAR[0]}/32 dev eth0 src {CLIENT[0]}
route add {NEAR[1]}/128 dev eth0 src {CLIENT[1]}
.
sysctl -qw net.ipv4.conf.up1.rp_filter=2
"""
_CLEAN_UP = """
ip link delete up1
ip rule delete pref 32000
ip -6 rule delete pref 32000
"""


def shell(testbed: Testbed, commands: str) -> None:
    """Run commands of a shell, which must succeed."""
    testbed.run("sh", "-euc", commands)


@contextmanager
def second_uplink(testbed: Testbed) -> Iterator[Namespace]:
    """Add a second uplink; yield the router behind it, which is a client's namespace too."""
    router = Sandbox(testbed, "router")
    shell(testbed, _UPLINK)
    yield router
    testbed.attempt("sh", "-uc", _CLEAN_UP)
    router.close()


def is_refused(client: Namespace, server: Namespace, family: int) -> bool:
    """Return whether a client behind the second uplink gets no answer."""

    def dial() -> bool:
        try:
            socket.create_connection((NEAR[family], 8080), timeout=1).close()
        except OSError:
            return True
        return False

    with server.listen(ADDRESSES[family], 80):
        return client.inside(dial)


def gets_answers(client: Namespace, server: Namespace, family: int) -> None:
    """Require answers over TCP and UDP for a client behind the second uplink."""
    found = reached(client, server, (ADDRESSES[family], 80), (NEAR[family], 8080))
    assert found == CLIENT[family]
    found = answered(client, server, (ADDRESSES[family], 53), (NEAR[family], 5300))
    assert found == CLIENT[family]


def rules(testbed: Testbed) -> list[str]:
    """Return the policy rules that lead replies."""
    return [line for line in routing(testbed) if "iif br-" in line]


def routing(testbed: Testbed) -> list[str]:
    """Return the policy rules and routes, without those of addresses, in an order of its own."""
    return sorted(
        f"{version} {line}"
        for version in ("-4", "-6")
        for words in (("rule", "show"), ("route", "show", "table", "all"))
        for line in testbed.run("ip", version, *words).splitlines()
        if "proto kernel" not in line
    )
