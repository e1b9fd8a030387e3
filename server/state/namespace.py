"""The network namespace that a daemon works in may have devices of another instance."""

from mynet.server.errors import CannotStart
from mynet.server.host import Host

_SHOWN = 5  # devices in a message


def require_no_foreign_devices(host: Host, instance: str) -> None:
    """Raise CannotStart if this network namespace has devices of another instance.

    The addresses of those networks are in a state directory that this daemon does not have, and
    this daemon's firewall would drop their packets.
    """
    devices = sorted(host.links.foreign_devices(instance))
    if devices:
        shown = ", ".join(devices[:_SHOWN]) + (", ..." if len(devices) > _SHOWN else "")
        raise CannotStart(
            "networks of another mynetd are in this network namespace"
            f" ({shown}): this state directory belongs to instance {instance}, and those devices do"
            " not. Start mynetd with the state directory that they belong to, or delete each"
            " with: ip link delete DEVICE. Nothing was changed"
        )
