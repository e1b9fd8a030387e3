"""The tables are read again only after a transaction, of whichever program."""

import pytest

from mynet.drivers.linux.firewall.tables import fingerprint, tables
from mynet.drivers.linux.kernel import LinuxKernel
from mynet.drivers.linux.netlink.netlink_socket import Netlink
from tests.drivers.linux.support.namespaces import Namespace


def test_unchanged_tables_are_read_once(
    host: Namespace, kernel: LinuxKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[bytes] = []
    read = fingerprint.fingerprint

    def counted(nl: Netlink) -> bytes:
        reads.append(read(nl))
        return reads[-1]

    kernel.firewall.load("i", [])
    monkeypatch.setattr(tables, "fingerprint", counted)
    assert [kernel.firewall.is_intact() for _ in range(3)] == [True] * 3
    assert len(reads) == 1
    host.run("nft", "add", "rule", "inet", "mynet", "forward", "accept")
    assert not kernel.firewall.is_intact()
    kernel.firewall.load("i", [])
    assert kernel.firewall.is_intact()
    host.run("nft", "delete", "table", "bridge", "mynet")
    assert [kernel.firewall.is_intact() for _ in range(2)] == [False] * 2
