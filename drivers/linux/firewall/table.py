"""The table ``inet mynet`` in the kernel: loaded as a whole, and changed by the element."""

from collections import deque
from collections.abc import Iterable

from mynet.drivers.linux.firewall.elements import Element
from mynet.drivers.linux.firewall.fingerprint import fingerprint
from mynet.drivers.linux.firewall.nft import run_nft
from mynet.drivers.linux.firewall.set_elements import commit

_REMEMBERED = 512  # transactions; their notifications arrive within a tenth of a second


class Table:
    """The table that this object has loaded. Callers serialise :meth:`load` and :meth:`change`."""

    def __init__(self) -> None:
        # The fingerprint after the last load(), None before the first.
        self._loaded: bytes | None = None
        # The netlink ports of the latest transactions, for the reader of notifications. It needs no
        # lock, as appending and searching are atomic in Python.
        self.own_netlink_ports: deque[int] = deque(maxlen=_REMEMBERED)

    @property
    def is_loaded(self) -> bool:
        """Whether :meth:`load` was ever called."""
        return self._loaded is not None

    def load(self, ruleset: str) -> None:
        """Replace the table in one transaction. Like: ``nft -f -``."""
        run_nft("load", ["-f", "-"], ruleset)
        self._loaded = fingerprint()

    def change(self, before: Iterable[Element], after: Iterable[Element]) -> bool:
        """Replace the elements ``before`` by ``after`` in one transaction.

        All elements of ``after`` are added, even if they are in ``before``, because another program
        may have removed them. Returns False if the table does not exist, or if a port leads
        elsewhere than this object has set.
        """
        added = dict.fromkeys(after)
        removed = [element for element in dict.fromkeys(before) if element not in added]
        return commit(removed, list(added), self.own_netlink_ports.append)

    def is_intact(self) -> bool:
        """Return whether table, chains and rules are as they were loaded, if they ever were."""
        return self._loaded is None or b"" != self._loaded == fingerprint()
