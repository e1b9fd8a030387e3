"""The kernel's networking, all subjects together."""

from typing import Protocol

from mynet.drivers.linux.interface.firewall import Firewall
from mynet.drivers.linux.interface.host import Host
from mynet.drivers.linux.interface.links import Links
from mynet.drivers.linux.interface.monitor import Monitor
from mynet.drivers.linux.interface.ports import Ports
from mynet.drivers.linux.interface.probes import Probes
from mynet.drivers.linux.interface.sandboxes import Sandboxes


class Kernel(Protocol):
    """The kernel's networking."""

    @property
    def sandboxes(self) -> Sandboxes:
        """The network namespaces that endpoints are in."""

    @property
    def links(self) -> Links:
        """The links of the host, and of the sandboxes that endpoints are in."""

    @property
    def firewall(self) -> Firewall:
        """The tables of mynet, and the other firewalls of this host."""

    @property
    def ports(self) -> Ports:
        """The ports of the host."""

    @property
    def host(self) -> Host:
        """The host's own routes and settings."""

    @property
    def probes(self) -> Probes:
        """Packets that are sent to see whether an answer comes."""

    @property
    def monitor(self) -> Monitor:
        """Changes that other programs make in the kernel."""

    def close(self) -> None:
        """Release what is kept between calls, except for reserved ports."""
