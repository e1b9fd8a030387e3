"""Traffic control: the messages that limit what a link sends, and lead away what it receives.

Packed here, as pyroute2 would not pay: three messages and two answers.
Source: linux/pkt_sched.h, linux/pkt_cls.h, tc-tbf(8), tc-u32(8), tc-mirred(8).
"""

import struct
from collections.abc import Iterator
from socket import AF_UNSPEC, htons
from typing import Final

from mynet.drivers.linux.netlink.attributes import attribute, attributes, nested
from mynet.drivers.linux.netlink.netlink_socket import (
    NLM_F_CREATE,
    NLM_F_ECHO,
    NLM_F_EXCL,
    NLM_F_REPLACE,
)
from mynet.drivers.linux.values.desired import Rate

_RTM_NEWQDISC, _RTM_DELQDISC, _RTM_GETQDISC = 36, 37, 38
_RTM_NEWTFILTER, _RTM_GETTFILTER = 44, 46

_HEADER = struct.Struct("@IHHII")  # nlmsghdr
_TCMSG = struct.Struct("@BxHiIII")  # family, index, handle, parent, info
_RATESPEC = struct.Struct("@BBHhHI")  # cell_log, linklayer, overhead, cell_align, mpu, rate
_QUEUE = struct.Struct("@III")  # limit, buffer, mtu: the rest of a tc_tbf_qopt behind two rates
_MATCH_ALL = struct.Struct("@BBBxHHhhIIIii")  # tc_u32_sel with one key, of which no bit counts
_MIRRED = struct.Struct("@IIiiiiI")  # tc_mirred
_U32, _U64 = struct.Struct("@I"), struct.Struct("@Q")

_TC_H_ROOT, _TC_H_INGRESS, _INGRESS = 0xFFFFFFFF, 0xFFFFFFF1, 0xFFFF0000
_TCA_KIND, _TCA_OPTIONS = 1, 2
_TCA_TBF_PARMS, _TCA_TBF_RATE64, _TCA_TBF_BURST = 1, 4, 6
_TCA_U32_SEL, _TCA_U32_ACT, _U32_TERMINAL = 5, 7, 1
_TCA_ACT_KIND, _TCA_ACT_OPTIONS, _TCA_MIRRED_PARMS = 1, 2, 2
_ACT_STOLEN, _EGRESS_REDIR = 4, 1
_LINKLAYER_ETHERNET, _ETH_P_ALL, _FIRST = 1, 0x0003, 1
_MOST = 2**32 - 1  # bytes a second that fit into the field of old

LATENCY: Final = 0.05  # seconds that a packet may wait: what would wait longer is dropped


def limit(index: int, rate: Rate) -> bytes:
    """Like: tc qdisc replace dev NAME root tbf rate RATE burst BYTES latency 50ms."""
    spec = _RATESPEC.pack(0, _LINKLAYER_ETHERNET, 0, 0, 0, min(rate.bytes_per_second, _MOST))
    nothing = bytes(_RATESPEC.size)  # no peak rate
    parameters = attribute(_TCA_TBF_PARMS, spec + nothing + _QUEUE.pack(_queue(rate), 0, 0))
    if rate.bytes_per_second > _MOST:
        parameters += attribute(_TCA_TBF_RATE64, _U64.pack(rate.bytes_per_second))
    parameters += attribute(_TCA_TBF_BURST, _U32.pack(rate.burst))
    flags = NLM_F_CREATE | NLM_F_REPLACE
    return _message(_RTM_NEWQDISC, flags, index, parent=_TC_H_ROOT, kind="tbf", options=parameters)


def _queue(rate: Rate) -> int:
    """Tell how many bytes may wait: it is what the kernel tells of the burst, too."""
    return int(rate.bytes_per_second * LATENCY) + rate.burst


def stop_leading(index: int) -> bytes:
    """Like: tc qdisc del dev NAME ingress."""
    return _message(_RTM_DELQDISC, 0, index, handle=_INGRESS, parent=_TC_H_INGRESS)


def begin_leading(index: int) -> bytes:
    """Like: tc qdisc add dev NAME ingress."""
    flags = NLM_F_CREATE | NLM_F_EXCL
    return _message(
        _RTM_NEWQDISC, flags, index, handle=_INGRESS, parent=_TC_H_INGRESS, kind="ingress"
    )


def lead(index: int, device: int) -> bytes:
    """Lead all that a link receives through another device.

    Like: ``tc filter add dev NAME parent ffff: protocol all prio 1 u32 match u32 0 0 action mirred
    egress redirect dev DEVICE``.
    """
    mirred = _MIRRED.pack(0, 0, _ACT_STOLEN, 0, 0, _EGRESS_REDIR, device)
    action = attribute(_TCA_ACT_KIND, b"mirred\0") + nested(
        _TCA_ACT_OPTIONS, attribute(_TCA_MIRRED_PARMS, mirred)
    )
    everything = _MATCH_ALL.pack(_U32_TERMINAL, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    return _message(
        _RTM_NEWTFILTER,
        NLM_F_CREATE | NLM_F_EXCL,
        index,
        parent=_INGRESS,
        info=_FIRST << 16 | htons(_ETH_P_ALL),
        kind="u32",
        options=attribute(_TCA_U32_SEL, everything) + nested(_TCA_U32_ACT, nested(_FIRST, action)),
    )


def get_limit(index: int) -> bytes:
    """Like: tc qdisc show dev NAME root.

    The kernel answers as it notifies of a change: the asker hears it where that is an echo.
    """
    return _message(_RTM_GETQDISC, NLM_F_ECHO, index, parent=_TC_H_ROOT)


def get_leading(index: int) -> bytes:
    """Like: tc filter show dev NAME parent ffff:."""
    return _message(_RTM_GETTFILTER, 0, index, parent=_INGRESS)


def read_limit(data: bytes) -> Rate | None:
    """Read an answer to :func:`get_limit`: None where what is sent has no limit."""
    found = attributes(data, _HEADER.size + _TCMSG.size)
    if found.get(_TCA_KIND) != b"tbf\0":
        return None
    options = attributes(found[_TCA_OPTIONS], 0)
    parameters = options[_TCA_TBF_PARMS]
    *_, speed = _RATESPEC.unpack_from(parameters)
    if _TCA_TBF_RATE64 in options:
        (speed,) = _U64.unpack(options[_TCA_TBF_RATE64])
    waiting, _, _ = _QUEUE.unpack_from(parameters, 2 * _RATESPEC.size)
    return Rate(speed, waiting - _queue(Rate(speed, 0)))


def read_leading(data: bytes) -> Iterator[int]:
    """Read an answer to :func:`get_leading`: the indexes of the devices that it leads through."""
    found = attributes(data, _HEADER.size + _TCMSG.size)
    filters = attributes(found.get(_TCA_OPTIONS, b""), 0)
    for action in attributes(filters.get(_TCA_U32_ACT, b""), 0).values():
        said = attributes(action, 0)
        if said.get(_TCA_ACT_KIND) == b"mirred\0":
            options = attributes(said[_TCA_ACT_OPTIONS], 0)
            *_, what, device = _MIRRED.unpack_from(options[_TCA_MIRRED_PARMS])
            if what == _EGRESS_REDIR:
                yield device


def _message(
    kind_of_message: int,
    flags: int,
    index: int,
    *,
    handle: int = 0,
    parent: int = 0,
    info: int = 0,
    kind: str = "",
    options: bytes = b"",
) -> bytes:
    """Build a message; its sequence number and the flags of asking are the socket's to set."""
    body = _TCMSG.pack(AF_UNSPEC, 0, index, handle, parent, info)
    if kind:
        body += attribute(_TCA_KIND, kind.encode() + b"\0")
    if options:
        body += nested(_TCA_OPTIONS, options)
    return _HEADER.pack(_HEADER.size + len(body), kind_of_message, flags, 0, 0) + body
