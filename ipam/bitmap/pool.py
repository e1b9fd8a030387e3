"""Which addresses of a subnet can be handed out, as numbers counted from its first address."""

from dataclasses import dataclass
from ipaddress import ip_address

from mynet.ipam.api import IPAddress, IPNetwork
from mynet.ipam.errors import AddressOutOfRange, AddressReserved

_IPV4_WITH_BROADCAST = 30  # the longest prefix with a network and a broadcast address (RFC 3021)
_IPV6_WITH_ANYCAST = 126  # the longest prefix with a subnet-router anycast address (RFC 6164)


@dataclass(frozen=True, slots=True)
class Pool:
    """The positions of a subnet from ``first`` to ``last``; 0 is the subnet's own address."""

    subnet: IPNetwork
    first: int
    last: int

    @classmethod
    def of(cls, subnet: IPNetwork) -> "Pool":
        """Leave out network and broadcast address, or the subnet-router anycast address."""
        last = subnet.num_addresses - 1
        if subnet.version == 4:  # noqa: PLR2004 - the IP version
            kept = subnet.prefixlen <= _IPV4_WITH_BROADCAST
            return cls(subnet, int(kept), last - kept)
        return cls(subnet, int(subnet.prefixlen <= _IPV6_WITH_ANYCAST), last)

    @property
    def capacity(self) -> int:
        """How many addresses can ever be handed out."""
        return self.last - self.first + 1

    def address(self, position: int) -> IPAddress:
        """Return the address at a position."""
        return self.subnet.network_address + position

    def require(self, address: IPAddress) -> None:
        """Raise AddressOutOfRange for an address of another subnet."""
        if address not in self.subnet:
            raise AddressOutOfRange(
                f"{address} is not in {self.subnet}; ask for an address from"
                f" {self.address(self.first)} to {self.address(self.last)}",
                resource=f"address {address}",
            )

    def position(self, address: IPAddress) -> int:
        """Return the position of an address. Raises AddressOutOfRange and AddressReserved."""
        self.require(address)
        position = int(address) - int(self.subnet.network_address)
        if not self.first <= position <= self.last:
            raise AddressReserved(
                f"{address} is the {self._role(position)} address of {self.subnet} and is never"
                f" handed out; ask for one from {self.address(self.first)} to"
                f" {self.address(self.last)}",
                resource=f"address {address}",
            )
        return position

    def _role(self, position: int) -> str:
        if self.subnet.version == 6:  # noqa: PLR2004 - the IP version
            return "subnet-router anycast"
        return "broadcast" if position else "network"


def packed(address: IPAddress) -> bytes:
    """Return 16 bytes that sort as the address does; IPv4 stands in the last four."""
    return int(address).to_bytes(16, "big")


def unpacked(version: int, data: bytes) -> IPAddress:
    """Return the address of :func:`packed` bytes."""
    return ip_address(data[-4:] if version == 4 else data)  # noqa: PLR2004 - the IP version
