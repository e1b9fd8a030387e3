"""Converts records to the JSON of the store and back."""

import json
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, TypeVar, get_args

import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from mynet.drivers.api import IPAddress, IPInterface, IPNetwork
from mynet.ipam.errors import StoreDamaged
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network, Subnet

R = TypeVar("R")

_converter = cattrs.Converter(forbid_extra_keys=True)
_PARSERS: dict[Any, Callable[[str], Any]] = {
    IPAddress: ip_address,
    IPInterface: ip_interface,
    IPNetwork: ip_network,
}


def _register(union: Any, parse: Callable[[str], Any]) -> None:  # noqa: ANN401 - a union of types
    """Register a pair of address classes, which are stored as text."""
    _converter.register_structure_hook(union, lambda text, _: parse(text))
    _converter.register_unstructure_hook(union, str)
    _converter.register_structure_hook(
        union | None, lambda text, _: None if text is None else parse(text)
    )
    for member in get_args(union):
        _converter.register_unstructure_hook(member, str)


for _union, _parse in _PARSERS.items():
    _register(_union, _parse)
_converter.register_unstructure_hook(datetime, datetime.isoformat)
_converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))

# The field "spec" has another name on the disk, where it was stored before it got this one.
_WISH = override(rename="wish")
for _type in (Subnet, Network, Endpoint):  # a part before the whole
    _converter.register_structure_hook(
        _type,
        make_dict_structure_fn(_type, _converter, _cattrs_forbid_extra_keys=True, spec=_WISH),
    )
    _converter.register_unstructure_hook(
        _type, make_dict_unstructure_fn(_type, _converter, spec=_WISH)
    )


def encode(record: object) -> str:
    """Return a record as one line of JSON."""
    return json.dumps(_converter.unstructure(record), separators=(",", ":"))


def decode(text: str, record_type: type[R]) -> R:
    """Parse a record. Raises StoreDamaged for a field that is unknown or missing."""
    try:
        return structure(json.loads(text), record_type)
    except Exception as error:
        raise StoreDamaged(
            f"a record of the store is not a valid {record_type.__name__} ({error}). It was left as"
            " it is; restore the state directory from a backup, or run the mynetd that wrote it",
            resource="mynet.db",
        ) from error


def structure(value: object, record_type: type[R]) -> R:
    """Return a record of parsed JSON. Raises cattrs.BaseValidationError with every fault."""
    return _converter.structure(value, record_type)
