"""Requests about forwarding databases mean the same to pyroute2."""

import pytest
from pyroute2.netlink.rtnl.ndmsg import ndmsg

from mynet.drivers.linux.netlink.links import fdb_requests
from tests.drivers.linux.support.namespaces import decoded
from tests.drivers.linux.support.pyroute2_messages import attributes

MAC, OUTER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
CREATE, EXCLUSIVE, REPLACE = 0x400, 0x200, 0x100


@pytest.mark.parametrize(
    ("message", "kind", "flags", "state", "entry_flags"),
    [
        (fdb_requests.add_static(3, MAC), 28, CREATE | REPLACE, 0x40, 0x44),
        (fdb_requests.delete(3, MAC), 29, 0, 0, 0x04),
        (fdb_requests.get(3, MAC), 30, 0, 0, 0x04),
    ],
)
def test_pyroute2_decodes_an_entry_of_a_forwarding_database_as_meant(
    message: bytes, kind: int, flags: int, state: int, entry_flags: int
) -> None:
    entry = decoded(ndmsg, message)
    assert (entry["header"]["type"], entry["header"]["flags"]) == (kind, flags)
    fields = {"family": 7, "ifindex": 3, "state": state, "flags": entry_flags, "ndm_type": 0}
    assert {name: entry[name] for name in fields} == fields
    assert attributes(entry) == {"NDA_LLADDR": MAC}
