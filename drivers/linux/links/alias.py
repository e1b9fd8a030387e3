"""The alias of a link shows which instance of the daemon it belongs to: it is the link's *mark*.

The daemon never changes a link without its mark. ``values.observed`` has how it recognises a link
whose mark was not set yet, or was changed.
"""

from mynet.drivers.errors import InterfaceExists
from mynet.drivers.linux.values.desired import MARK


def mark_of(instance: str, record: str) -> str:
    """Return the mark of a link that belongs to a record of an instance."""
    return f"{MARK}:{instance}:{record}"


def read_mark(mark: str) -> tuple[str, str]:
    """Return the instance and the record's id from an alias, both "" if mynet did not set it."""
    match mark.split(":"):
        case [word, instance, record] if word == MARK:
            return instance, record
        case _:
            return "", ""


def renamed(now: str, name: str, where: str = "on this host") -> InterfaceExists:
    """Return the error for a link of the daemon that cannot get its name back."""
    return InterfaceExists(
        f"another program has renamed {name} to {now}, and there is another interface {name}"
        f" {where} now: rename or delete that one, and {now} gets its name back",
        resource=f"interface {name}",
    )


def taken(name: str, where: str = "on this host") -> InterfaceExists:
    """Return the error for a name that belongs to another program's link."""
    return InterfaceExists(
        f"there is an interface {name} {where} already, which belongs to something else and was not"
        " changed: choose another name, or delete the interface",
        resource=f"interface {name}",
    )
