"""Traffic control: requests that limit what a link sends and redirect what it receives.

Sources: linux/pkt_sched.h, linux/pkt_cls.h, tc-tbf(8), tc-u32(8), tc-mirred(8).
"""

import struct
from collections.abc import Iterator
from socket import AF_UNSPEC, htons
from typing import Final

from mynet.drivers.linux.netlink import attributes as nla
from mynet.drivers.linux.netlink import header as nlmsg
from mynet.drivers.linux.values.desired import Rate

_RTM_NEWQDISC, _RTM_DELQDISC, _RTM_GETQDISC = 36, 37, 38
_RTM_NEWTFILTER, _RTM_GETTFILTER = 44, 46

_TCMSG = struct.Struct("@BxHiIII")  # family, index, handle, parent, info
_RATESPEC = struct.Struct("@BBHhHI")  # cell_log, linklayer, overhead, cell_align, mpu, rate
_QUEUE = struct.Struct("@III")  # limit, buffer, mtu; in a tc_tbf_qopt, after two rates
_MATCH_ALL = struct.Struct("@BBBxHHhhIIIii")  # tc_u32_sel with one key that ignores all bits
_MIRRED = struct.Struct("@IIiiiiI")  # tc_mirred
_U64 = struct.Struct("@Q")

_TC_H_ROOT, _TC_H_INGRESS, _INGRESS = 0xFFFFFFFF, 0xFFFFFFF1, 0xFFFF0000
_TCA_KIND, _TCA_OPTIONS = 1, 2
_TCA_TBF_PARMS, _TCA_TBF_RATE64, _TCA_TBF_BURST = 1, 4, 6
_TCA_U32_SEL, _TCA_U32_ACT, _U32_TERMINAL = 5, 7, 1
_TCA_ACT_KIND, _TCA_ACT_OPTIONS, _TCA_MIRRED_PARMS = 1, 2, 2
_ACT_STOLEN, _EGRESS_REDIR = 4, 1
_LINKLAYER_ETHERNET, _ETH_P_ALL, _PRIORITY = 1, 0x0003, 1
_MAX_RATE32 = 2**32 - 1  # bytes a second that fit into the older field

LATENCY: Final = 0.05  # seconds that a packet may wait; the queue drops what would wait longer


def set_rate(index: int, rate: Rate) -> bytes:
    """Like: tc qdisc replace dev NAME root tbf rate RATE burst BYTES latency 50ms."""
    spec = _RATESPEC.pack(0, _LINKLAYER_ETHERNET, 0, 0, 0, min(rate.bytes_per_second, _MAX_RATE32))
    no_peak_rate = bytes(_RATESPEC.size)
    parameters = nla.attribute(
        _TCA_TBF_PARMS, spec + no_peak_rate + _QUEUE.pack(_queue_bytes(rate), 0, 0)
    )
    if rate.bytes_per_second > _MAX_RATE32:
        parameters += nla.attribute(_TCA_TBF_RATE64, _U64.pack(rate.bytes_per_second))
    parameters += nla.number_attribute(_TCA_TBF_BURST, rate.burst)
    flags = nlmsg.NLM_F_CREATE | nlmsg.NLM_F_REPLACE
    return _message(_RTM_NEWQDISC, flags, index, parent=_TC_H_ROOT, kind="tbf", options=parameters)


def _queue_bytes(rate: Rate) -> int:
    """Return how many bytes may wait. The kernel reports only this, so it tells the burst too."""
    return int(rate.bytes_per_second * LATENCY) + rate.burst


def delete_ingress(index: int) -> bytes:
    """Like: tc qdisc del dev NAME ingress."""
    return _message(_RTM_DELQDISC, 0, index, handle=_INGRESS, parent=_TC_H_INGRESS)


def add_ingress(index: int) -> bytes:
    """Like: tc qdisc add dev NAME ingress."""
    flags = nlmsg.NLM_F_CREATE | nlmsg.NLM_F_EXCL
    return _message(
        _RTM_NEWQDISC, flags, index, handle=_INGRESS, parent=_TC_H_INGRESS, kind="ingress"
    )


def redirect(index: int, device: int) -> bytes:
    """Redirect all that a link receives through another device.

    Like: ``tc filter add dev NAME parent ffff: protocol all prio 1 u32 match u32 0 0 action mirred
    egress redirect dev DEVICE``.
    """
    mirred = _MIRRED.pack(0, 0, _ACT_STOLEN, 0, 0, _EGRESS_REDIR, device)
    action = nla.text_attribute(_TCA_ACT_KIND, "mirred") + nla.nested(
        _TCA_ACT_OPTIONS, nla.attribute(_TCA_MIRRED_PARMS, mirred)
    )
    all_packets = _MATCH_ALL.pack(_U32_TERMINAL, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    return _message(
        _RTM_NEWTFILTER,
        nlmsg.NLM_F_CREATE | nlmsg.NLM_F_EXCL,
        index,
        parent=_INGRESS,
        info=_PRIORITY << 16 | htons(_ETH_P_ALL),
        kind="u32",
        options=nla.attribute(_TCA_U32_SEL, all_packets)
        + nla.nested(_TCA_U32_ACT, nla.nested(_PRIORITY, action)),
    )


def get_root(index: int) -> bytes:
    """Like: tc qdisc show dev NAME root.

    The kernel answers with a notification, which reaches the sender only as an echo.
    """
    return _message(_RTM_GETQDISC, nlmsg.NLM_F_ECHO, index, parent=_TC_H_ROOT)


def get_ingress_filters(index: int) -> bytes:
    """Like: tc filter show dev NAME parent ffff:."""
    return _message(_RTM_GETTFILTER, 0, index, parent=_INGRESS)


def read_rate(data: bytes) -> Rate | None:
    """Read a reply to :func:`get_root`: the limit, None if there is none."""
    payloads = nla.read_attributes(data, nlmsg.HEADER_BYTES + _TCMSG.size)
    if payloads.get(_TCA_KIND) != b"tbf\0":
        return None
    options = nla.read_attributes(payloads[_TCA_OPTIONS])
    parameters = options[_TCA_TBF_PARMS]
    *_, bytes_per_second = _RATESPEC.unpack_from(parameters)
    if _TCA_TBF_RATE64 in options:
        (bytes_per_second,) = _U64.unpack(options[_TCA_TBF_RATE64])
    queued, _, _ = _QUEUE.unpack_from(parameters, 2 * _RATESPEC.size)
    return Rate(bytes_per_second, queued - _queue_bytes(Rate(bytes_per_second, 0)))


def read_redirections(data: bytes) -> Iterator[int]:
    """Read a reply to :func:`get_ingress_filters`; yield the indexes of the devices in use."""
    payloads = nla.read_attributes(data, nlmsg.HEADER_BYTES + _TCMSG.size)
    filters = nla.read_attributes(payloads.get(_TCA_OPTIONS, b""))
    for action in nla.read_attributes(filters.get(_TCA_U32_ACT, b"")).values():
        parts = nla.read_attributes(action)
        if parts.get(_TCA_ACT_KIND) == b"mirred\0":
            options = nla.read_attributes(parts[_TCA_ACT_OPTIONS])
            *_, what, device = _MIRRED.unpack_from(options[_TCA_MIRRED_PARMS])
            if what == _EGRESS_REDIR:
                yield device


def _message(
    message_kind: int,
    flags: int,
    index: int,
    *,
    handle: int = 0,
    parent: int = 0,
    info: int = 0,
    kind: str = "",
    options: bytes = b"",
) -> bytes:
    """Pack a message about the queues of a link."""
    body = _TCMSG.pack(AF_UNSPEC, 0, index, handle, parent, info)
    if kind:
        body += nla.text_attribute(_TCA_KIND, kind)
    if options:
        body += nla.nested(_TCA_OPTIONS, options)
    return nlmsg.pack_message(message_kind, body, flags)
