"""A thread that reads the kernel's notifications and reports damage.

The kernel notifies of every change, those of the daemon too, so the thread reads the notifications
of a short window at once. By its end the daemon has completed its own changes, and a thread that
wakes up for each message would slow down the others. Notifications that do not fit into the buffer
are lost, and the kernel reports that.
"""

import errno
import logging
import os
import select
import socket
import threading
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from typing import Final

from mynet.drivers.linux.firewall.ruleset import TABLES
from mynet.drivers.linux.links.carriers import Carriers
from mynet.drivers.linux.links.lookup import list_addresses, list_links
from mynet.drivers.linux.netlink.header import NETLINK_NETFILTER
from mynet.drivers.linux.netlink.links import link_requests
from mynet.drivers.linux.netlink.netlink_socket import Netlink, Request
from mynet.drivers.linux.netlink.notifications import changes as nl
from mynet.drivers.linux.netlink.notifications import losses
from mynet.drivers.linux.netlink.notifications.subscription import Subscription
from mynet.drivers.linux.watch.filter import ANYTHING, NotificationFilter, is_changed_by_others

logger = logging.getLogger(__name__)

# The kernel's answers for a namespace that has ended or may not be looked into.
_UNKNOWN: Final = frozenset({errno.EINVAL, errno.ENODEV, errno.ENOENT, errno.EPERM, errno.EACCES})

WINDOW: Final = 0.05  # seconds from the first notification to when all are read


class Monitor:
    """Implements the protocol of the same name with a thread for each watch.

    ``own_ports`` are the netlink ports of the sockets that change the firewall's table for the
    daemon, and ``carriers`` learns which links carry a mark.
    """

    def __init__(self, own_ports: Container[int], carriers: Carriers) -> None:
        self._own_ports = own_ports
        self._carriers = carriers

    def watch(self, notice: Callable[[frozenset[str]], None]) -> "NotificationReader":
        """Like: ip monitor link address netconf; bridge monitor fdb; nft monitor."""
        return NotificationReader(notice, self._own_ports, self._carriers)


class NotificationReader:
    """Calls ``notice`` with the marks of what may be damaged, until it is closed.

    It reads the notifications of the namespace that its creator's thread is in.
    """

    def __init__(
        self,
        notice: Callable[[frozenset[str]], None],
        own_ports: Container[int],
        carriers: Carriers,
    ) -> None:
        self._notice = notice
        self._own_ports = own_ports
        self._carriers = carriers
        self._filter = NotificationFilter(carriers)
        self._links = Subscription(
            socket.NETLINK_ROUTE,
            *(nl.RTNLGRP_LINK, nl.RTNLGRP_IPV4_IFADDR, nl.RTNLGRP_IPV6_IFADDR),
            *(nl.RTNLGRP_IPV4_NETCONF, nl.RTNLGRP_IPV6_NETCONF),
        )
        self._firewall = Subscription(NETLINK_NETFILTER, nl.NFNLGRP_NFTABLES)
        self._losses = Subscription(
            socket.NETLINK_ROUTE,
            *(losses.RTNLGRP_NEIGH, losses.RTNLGRP_IPV4_ROUTE, losses.RTNLGRP_IPV6_ROUTE),
        )
        self._losses.filter(losses.LOSSES)
        # A default route may ask for another source address, and policy rules lead replies.
        self._uplinks = Subscription(
            socket.NETLINK_ROUTE,
            *(losses.RTNLGRP_IPV4_ROUTE, losses.RTNLGRP_IPV6_ROUTE),
            *(losses.RTNLGRP_IPV4_RULE, losses.RTNLGRP_IPV6_RULE),
        )
        self._uplinks.filter(losses.DEFAULT_ROUTES)
        with suppress(PermissionError):  # then damage inside sandboxes is not noticed
            self._links.include_other_namespaces()
        self._list_links()
        self._end, self._ending = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and close the sockets; ``notice`` is not called after the return."""
        os.close(self._ending)
        self._thread.join()
        self._carriers.forget()
        os.close(self._end)
        self._links.close()
        self._losses.close()
        self._uplinks.close()
        self._firewall.close()

    def _list_links(self) -> None:
        with Netlink() as netlink:
            self._filter.add([*list_links(netlink), *list_addresses(netlink)])
            for namespace, index in self._filter.other_ends:
                if message := netlink.get(_look_up(namespace, index)):
                    self._filter.add_other_end(namespace, message)

    def _run(self) -> None:
        waiting = select.poll()
        for source in (self._links, self._losses, self._uplinks, self._firewall):
            waiting.register(source.fileno(), select.POLLIN)
        waiting.register(self._end, select.POLLIN)
        ending = select.poll()
        ending.register(self._end, select.POLLIN)
        while True:
            waiting.poll()
            if ending.poll(1000 * WINDOW):
                return
            try:
                for damaged in self._read():
                    self._notice(damaged)
            except Exception:  # the next notification is read nevertheless
                logger.exception("reading the kernel's notifications failed")

    def _read(self) -> Sequence[frozenset[str]]:
        """Read the notifications; return what may be damaged.

        Where anything may be, the known marks are reported too. Only by its mark an endpoint is
        looked at inside its sandbox.
        """
        of_links, are_links_lost = self._links.read()
        of_losses, are_losses_lost = self._losses.read()
        of_uplinks, are_uplinks_lost = self._uplinks.read()
        of_firewall, are_rules_lost = self._firewall.read()
        if are_links_lost:
            self._list_links()
        damaged = self._filter.find_damage([*of_links, *of_losses])
        messages = (notification.message for notification in of_firewall)
        if are_links_lost or are_losses_lost or are_uplinks_lost or are_rules_lost:
            return [ANYTHING]
        known = [] if damaged is None else [damaged]
        if of_uplinks or is_changed_by_others(messages, TABLES, self._own_ports):
            return [*known, ANYTHING]
        return known


def _look_up(namespace: int, index: int) -> Request:
    """Return a request for a link in another namespace, which may have ended."""
    message = link_requests.get_link_elsewhere(index, namespace)
    return Request(message, "look up an interface of a sandbox", "interface", _UNKNOWN)
