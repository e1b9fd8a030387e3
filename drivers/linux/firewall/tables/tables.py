"""The tables of mynet in the kernel: loaded as a whole, and changed by the element."""

import weakref
from collections.abc import Collection, Iterable, Sequence

from mynet.drivers.linux.firewall.elements.element import Element
from mynet.drivers.linux.firewall.ruleset import refilled, replaced
from mynet.drivers.linux.firewall.tables.fingerprint import fingerprint, generation, missing_tables
from mynet.drivers.linux.firewall.tables.listing import has_own_rules
from mynet.drivers.linux.firewall.tables.nft import run_nft
from mynet.drivers.linux.firewall.tables.set_elements import commit, missing_elements
from mynet.drivers.linux.netlink.header import NETLINK_NETFILTER
from mynet.drivers.linux.netlink.netfilter.nftables import TableName
from mynet.drivers.linux.netlink.netlink_socket import Netlink


class Tables:
    """The tables that this object has loaded, as one. Callers serialise all methods.

    They share a socket, of the namespace where it is first used. Once elements were removed, the
    kernel takes 15 ms to close any socket to netfilter, as it waits until no processor reads them.
    """

    def __init__(self) -> None:
        # The fingerprint after the last load(), None before the first.
        self._loaded: bytes | None = None
        # The number of transactions with which they were last found as they were loaded.
        self._intact_at = -1
        self._socket: Netlink | None = None
        # The netlink ports by which the kernel names this object when it notifies other programs.
        self.own_netlink_ports: set[int] = set()

    @property
    def is_loaded(self) -> bool:
        """Whether :meth:`load` was ever called."""
        return self._loaded is not None

    def load(self, instance: str, contents: Collection[Element]) -> None:
        """Bring the tables to these elements and no others in one transaction. Like: ``nft -f -``.

        Tables of another version, or that another program has changed, are replaced.
        """
        is_there = not self.missing_tables()
        if is_there and has_own_rules(instance):
            transaction = refilled(contents)
        else:
            transaction = replaced(instance, contents)
        run_nft("load", ["-f", "-"], transaction)
        self._loaded, self._intact_at = fingerprint(self._opened()), -1

    def change(self, removed: Iterable[Element], added: Iterable[Element]) -> bool:
        """Remove and add elements in one transaction.

        Returns False if a table does not exist, or if a port leads elsewhere than this object has
        set.
        """
        return commit(self._opened(), dict.fromkeys(removed), dict.fromkeys(added))

    def missing(self, elements: Iterable[Element]) -> Sequence[Element]:
        """Return the elements that the kernel lacks, or that lead elsewhere."""
        return missing_elements(self._opened(), elements)

    def is_intact(self) -> bool:
        """Return whether tables, chains and rules are as they were loaded, if they ever were."""
        if self._loaded is None:
            return True
        now = self.generation()
        if now != self._intact_at:
            if not self._loaded or self._loaded != fingerprint(self._opened()):
                return False
            self._intact_at = now
        return True

    def missing_tables(self) -> Sequence[TableName]:
        """Return those of the tables that do not exist."""
        return missing_tables(self._opened())

    def generation(self) -> int:
        """Return the number of transactions so far, of all tables of the host."""
        return generation(self._opened())

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _opened(self) -> Netlink:
        if self._socket is None:
            self._socket = Netlink(NETLINK_NETFILTER)
            self.own_netlink_ports.add(self._socket.port)
            weakref.finalize(self, self._socket.close)
        return self._socket
