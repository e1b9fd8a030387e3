"""The alias of a link shows which instance of the daemon it belongs to: it is the link's *mark*.

The kernel accepts no alias in the message that creates a link. A daemon that was killed before the
next message leaves a link without a mark, and recognises it by its name and MAC address
(:func:`is_ours`). The daemon never changes any other link.
"""

from mynet.drivers.errors import InterfaceExists
from mynet.drivers.linux.values.desired import Bridge, Shaper, Veth
from mynet.drivers.linux.values.observed import Link

_MARK = "mynet"


def mark_of(instance: str, record: str) -> str:
    """Return the mark of a link that belongs to a record of an instance."""
    return f"{_MARK}:{instance}:{record}"


def read_mark(mark: str) -> tuple[str, str]:
    """Return the instance and the record's id from an alias, both "" if mynet did not set it."""
    match mark.split(":"):
        case [word, instance, record] if word == _MARK:
            return instance, record
        case _:
            return "", ""


def is_ours(link: Link, wanted: Bridge | Veth | Shaper) -> bool:
    """Return whether ``link`` is the one that ``wanted`` describes, complete or not."""
    match wanted:
        case Bridge():
            kind, mac = "bridge", wanted.mac
        case Veth():
            kind, mac = "veth", wanted.outer_mac
        case Shaper():
            kind, mac = "ifb", wanted.mac
    is_incomplete = not link.mark and link.mac == mac
    return link.kind == kind and (link.mark == wanted.mark or is_incomplete)


def taken(name: str, where: str = "on this host") -> InterfaceExists:
    """Return the error for a name that belongs to another program's link."""
    return InterfaceExists(
        f"there is an interface {name} {where} already, which belongs to something else and was not"
        " changed: choose another name, or delete the interface",
        resource=f"interface {name}",
    )
