"""Datagrams with sources of the caller's choice, and whether they get past the port."""

import os

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from tests.e2e.support.daemon import Daemon, eventually
from tests.e2e.support.hostile.capture import Wire
from tests.e2e.support.hostile.envelopes import plain
from tests.e2e.support.testbed import OUTSIDE, Sandbox

GATEWAYS = {4: "10.88.0.1", 6: "fd88::1"}
OTHERS = {4: "10.88.0.200", 6: "fd88::200"}  # addresses of network blue that no endpoint has
FOREIGN_MAC = "02:00:00:00:00:99"


def sends_as(
    daemon: Daemon, box: Sandbox, source: str, *, mac: str = "", network: str = "blue"
) -> bool:
    """Return whether a datagram from a source reaches the bridge of a network.

    One from the endpoint's own address follows, which always does.
    """
    (endpoint,) = [
        each
        for each in daemon.endpoints()
        if (each.container_id, each.network) == (box.name, network)
    ]
    bridge = f"br-{network}"
    version = 6 if ":" in source else 4
    own = next(
        address.partition("/")[0]
        for address in endpoint.addresses
        if (":" in address) == (version == 6)
    )
    to = daemon.testbed.links()[bridge]["address"]
    forged, honest = os.urandom(16), os.urandom(16)
    receiver, sender = Wire(daemon.testbed, bridge), Wire(box, endpoint.interface)
    header = IP if version == 4 else IPv6
    far, words = OUTSIDE[version == 6], UDP(sport=4000, dport=4000)
    frames = [
        plain(mac or endpoint.mac_address, to, header(src=source, dst=far) / words / Raw(forged)),
        plain(endpoint.mac_address, to, header(src=own, dst=far) / words / Raw(honest)),
    ]
    sender.send(map(bytes, frames))
    seen: list[bytes] = []

    def has_arrived() -> bool:
        seen.extend(receiver.read())
        return any(honest in frame for frame in seen)

    eventually(has_arrived)
    receiver.close()
    sender.close()
    return any(forged in frame for frame in seen)
