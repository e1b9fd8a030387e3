"""A kernel that tracks connections, and has no module to list them with."""

import errno
from ipaddress import ip_address
from typing import Any

import pytest

from mynet.drivers.api import PortProtocol
from mynet.drivers.errors import KernelError
from mynet.drivers.linux.firewall.flows import conntrack
from mynet.drivers.linux.netlink.netlink_socket import Netlink
from mynet.drivers.linux.values.ports import Forward
from tests.drivers.linux.support.scripted import ERROR, Scripted, errno_of, put_in

FORWARDS = [Forward(PortProtocol.UDP, None, 53, ip_address("10.1.0.2"), 53)]


def answer(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Answer every question about flows with an errno."""

    def opened(protocol: int) -> Any:
        nl = Netlink(protocol)
        put_in(nl, Scripted(*([(ERROR, 0, errno_of(number))] for _ in range(3))))
        return nl

    monkeypatch.setattr(conntrack, "Netlink", opened)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EOPNOTSUPP])
def test_without_the_module_no_flow_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    answer(monkeypatch, number)
    assert conntrack.forget(FORWARDS) == 0


def test_any_other_refusal_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, errno.ENOMEM)
    with pytest.raises(KernelError, match="list flows of UDP"):
        conntrack.forget(FORWARDS)
