"""Requests about the forwarding databases of bridges, and their replies.

Sources: rtnetlink(7), bridge(8), linux/neighbour.h.
"""

from socket import AF_BRIDGE

from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.netlink import rtnetlink as rt

_NDA_LLADDR, _NDA_MASTER = 2, 9
_NTF_SELF, _NTF_MASTER, _NTF_STICKY = 0x02, 0x04, 0x40


def add_static(port: int, mac: str) -> bytes:
    """Like: bridge fdb replace MAC dev PORT master static sticky.

    An entry that is not sticky moves to another port that learns the MAC address.
    """
    flags = nlmsg.NLM_F_CREATE | nlmsg.NLM_F_REPLACE
    return _entry(rt.RTM_NEWNEIGH, port, mac, rt.NUD_NOARP, _NTF_MASTER | _NTF_STICKY, flags)


def add_local(bridge: int, mac: str) -> bytes:
    """Like: bridge fdb add MAC dev BRIDGE self local."""
    flags = nlmsg.NLM_F_CREATE | nlmsg.NLM_F_REPLACE
    return _entry(rt.RTM_NEWNEIGH, bridge, mac, rt.NUD_PERMANENT, _NTF_SELF, flags)


def get_local(bridge: int, mac: str) -> bytes:
    """Like: bridge fdb get MAC dev BRIDGE self."""
    return _entry(rt.RTM_GETNEIGH, bridge, mac, 0, _NTF_SELF)


def delete(port: int, mac: str) -> bytes:
    """Like: bridge fdb del MAC dev PORT master."""
    return _entry(rt.RTM_DELNEIGH, port, mac, 0, _NTF_MASTER)


def get(port: int, mac: str) -> bytes:
    """Like: bridge fdb get MAC dev PORT master."""
    return _entry(rt.RTM_GETNEIGH, port, mac, 0, _NTF_MASTER)


def get_all() -> bytes:
    """Like: bridge fdb show."""
    return nlmsg.pack_message(rt.RTM_GETNEIGH, rt.NDMSG.pack(AF_BRIDGE, 0, 0, 0, 0))


def read_static(data: bytes) -> tuple[int, str] | None:
    """Return the port and the MAC address of a static sticky entry, None for any other entry."""
    _, port, state, flags, _ = rt.NDMSG.unpack_from(data, nlmsg.HEADER_BYTES)
    if state != rt.NUD_NOARP or not flags & _NTF_STICKY:
        return None
    payloads = nla.read_attributes(data, nlmsg.HEADER_BYTES + rt.NDMSG.size)
    return port, payloads[_NDA_LLADDR].hex(":")


def read_local(data: bytes) -> tuple[int, str] | None:
    """Return the index of a bridge and its own MAC address, None for any other entry."""
    _, bridge, state, _, _ = rt.NDMSG.unpack_from(data, nlmsg.HEADER_BYTES)
    if state != rt.NUD_PERMANENT:
        return None
    payloads = nla.read_attributes(data, nlmsg.HEADER_BYTES + rt.NDMSG.size)
    if nla.read_number(payloads.get(_NDA_MASTER)) != bridge:
        return None
    return bridge, payloads[_NDA_LLADDR].hex(":")


def _entry(kind: int, port: int, mac: str, state: int, flags: int, request_flags: int = 0) -> bytes:
    body = rt.NDMSG.pack(AF_BRIDGE, port, state, flags, 0)
    body += nla.attribute(_NDA_LLADDR, bytes.fromhex(mac.replace(":", "")))
    return nlmsg.pack_message(kind, body, request_flags)
