"""The real kernel: :class:`~mynet.drivers.linux.interface.kernel.Kernel` over netlink."""

from mynet.drivers.linux.echo import Probes
from mynet.drivers.linux.firewall.firewall import Firewall
from mynet.drivers.linux.host.settings import Host
from mynet.drivers.linux.links.carriers import Carriers
from mynet.drivers.linux.links.links import Links
from mynet.drivers.linux.ports.reservations import Ports
from mynet.drivers.linux.sandboxes import Sandboxes
from mynet.drivers.linux.watch.monitor import Monitor


class LinuxKernel:
    """The kernel of this host, for the network namespace of the threads that call.

    All of these threads must be in the same namespace, since they delete links and change the
    firewall together. Between calls it keeps no descriptor except for reserved ports, one to
    announce addresses with, one to change the firewall with, and one for the notifications of
    default routes.
    """

    def __init__(self) -> None:
        carriers = Carriers()
        self.sandboxes = Sandboxes()
        self.links = Links(carriers)
        self.firewall = Firewall()
        self.ports = Ports()
        self.host = Host()
        self.probes = Probes()
        self.monitor = Monitor(self.firewall.own_netlink_ports, carriers)

    def close(self) -> None:
        """Close the descriptors that are kept between calls, except those of reserved ports."""
        self.links.close()
        self.firewall.close()
        self.host.close()
