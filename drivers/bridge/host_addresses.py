"""The addresses of the host that networks leave by: whether the host has them."""

from collections.abc import Iterator, Mapping
from shlex import join

from mynet.drivers.api import Condition, IPAddress, Network
from mynet.drivers.bridge.options.host_addresses import HOST_ADDRESSES, host_addresses
from mynet.drivers.errors import InvalidOptions
from mynet.drivers.linux.interface.host import Host
from mynet.drivers.linux.interface.kernel import Kernel


def require_own_addresses(network: Network, kernel: Kernel) -> None:
    """Raise InvalidOptions if the host lacks an address that the network should leave by.

    An address that the network leaves by already is accepted, so that the host's loss of it hinders
    no repair and no other change.
    """
    known = kernel.firewall.known(network.interface)
    lost = {
        version: address
        for version, address in _lost(network, kernel.host).items()
        if known is None or address not in known.host_addresses
    }
    if lost:
        violations = {
            HOST_ADDRESSES[version]: (
                f"{address} is not an address of this host; give it to the host first (ip address"
                " add), or choose one that ip address show lists"
            )
            for version, address in lost.items()
        }
        raise InvalidOptions(
            f"network {network.name} cannot leave by that address: "
            + "; ".join(f"option {key}: {words}" for key, words in violations.items()),
            violations,
        )


def lost_addresses(network: Network, host: Host) -> Iterator[Condition]:
    """Yield a condition for each address that the network leaves by and the host has no longer."""
    for version, address in _lost(network, host).items():
        key = HOST_ADDRESSES[version]
        update = join(("mynetctl", "network", "update", "--opt-rm", key, network.name))
        yield Condition(
            f"Packets of this network leave with the source {address} ({key}), which is not an"
            " address of this host any more. They get no answers.",
            "Give the address back to the host, or let the network leave by the host's routes:",
            (update,),
        )


def _lost(network: Network, host: Host) -> Mapping[int, IPAddress]:
    return {
        version: address
        for version, address in host_addresses(network.options).items()
        if not host.is_own(address)
    }
