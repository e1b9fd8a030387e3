"""Whose a link is: that is written on it, its alias is its *mark*.

The kernel takes no alias while it makes a link, so a daemon killed between the two messages leaves
a link without; it is known by its name and by the MAC address it was made with (:func:`is_ours`).
Nothing else is ever touched.
"""

from mynet.drivers.errors import InterfaceExists
from mynet.drivers.linux.values.desired import Bridge, Shaper, Veth
from mynet.drivers.linux.values.observed import Link

_MARK = "mynet"


def mark_of(instance: str, record: str) -> str:
    """Write whose a link is: the alias that it gets."""
    return f"{_MARK}:{instance}:{record}"


def read_mark(mark: str) -> tuple[str, str]:
    """Read the instance and the record's id out of an alias; both "" where it is not of mynet."""
    match mark.split(":"):
        case [word, instance, record] if word == _MARK:
            return instance, record
        case _:
            return "", ""


def is_ours(link: Link, wanted: Bridge | Veth | Shaper) -> bool:
    """Say whether ``link`` is the one that ``wanted`` describes, or its half-made beginning."""
    match wanted:
        case Bridge():
            kind, mac = "bridge", wanted.mac
        case Veth():
            kind, mac = "veth", wanted.outer_mac
        case Shaper():
            kind, mac = "ifb", wanted.mac
    unmarked = not link.mark and link.mac == mac
    return link.kind == kind and (link.mark == wanted.mark or unmarked)


def taken(name: str, where: str = "on this host") -> InterfaceExists:
    """Make the error for a name that belongs to somebody else's link."""
    return InterfaceExists(
        f"there is an interface {name} {where} already, and it is not this one's: it was left as"
        " it is; choose another name, or remove it",
        resource=f"interface {name}",
    )
