"""fsck: the records by themselves, and against the backends' allocations."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mynet.server.offline.fsck import examine
from tests.server.support.faulty.damage import change, edit, with_names
from tests.server.support.stack import BITMAP_DB


def test_a_state_in_order_has_no_findings(state: Path) -> None:
    report = examine(state)
    assert (report.findings, report.remarks, report.whole) == ([], [], True)
    assert report.records.counts() == "1 networks, 2 endpoints, 3 subnets"


C1 = "endpoint c1 of container c1"


@pytest.mark.parametrize(
    ("file", "script", "wanted"),
    [
        (
            BITMAP_DB,
            "UPDATE allocations SET owner = 'vm-8' WHERE hex(address) LIKE '%0A010002'",
            [f"{C1} is ready with 10.1.0.2, which is not allocated to it"],
        ),
        (
            BITMAP_DB,
            (
                "UPDATE allocations SET owner = 'vm-8' WHERE owner LIKE 'network:%'"
                " AND hex(address) LIKE '%0A010001'"
            ),
            ["network web has gateway 10.1.0.1, which is not allocated to it"],
        ),
        (
            BITMAP_DB,
            (
                "UPDATE allocations SET owner = (SELECT owner FROM allocations WHERE owner LIKE"
                " 'endpoint:%' AND hex(address) LIKE '%0A010002') WHERE owner = 'vm-7'"
            ),
            [f"10.9.0.1 is allocated to {C1}, whose record does not list it"],
        ),
        (
            BITMAP_DB,
            (
                "UPDATE allocations SET owner = (SELECT owner FROM allocations WHERE owner LIKE"
                " 'network:%') WHERE owner = 'vm-7'"
            ),
            ["10.9.0.1 is allocated to network web, whose record does not list it as a gateway"],
        ),
        (
            BITMAP_DB,
            "UPDATE allocations SET owner = 'endpoint:feedfacefeedface' WHERE owner = 'vm-7'",
            ["backend bitmap has 10.9.0.1 for endpoint feedfacefeed, which is not on record"],
        ),
        (
            BITMAP_DB,
            "UPDATE allocations SET owner = 'network:feedfacefeedface' WHERE owner = 'vm-7'",
            ["backend bitmap has 10.9.0.1 for network feedfacefeed, which is not on record"],
        ),
        (
            "mynet.db",
            "DELETE FROM endpoints WHERE container_id = 'c1'",
            ["backend bitmap has 10.1.0.2, fd00:1::2 for endpoint"],
        ),
        (
            "mynet.db",
            "DELETE FROM subnets WHERE cidr = '10.9.0.0/24'",
            [
                (
                    "backend bitmap has 1 addresses of 10.9.0.0/24, which the registry"
                    " does not assign to it"
                )
            ],
        ),
        (
            "mynet.db",
            "UPDATE subnets SET backend = 'other' WHERE cidr = '10.9.0.0/24'",
            [
                (
                    "backend bitmap has 1 addresses of 10.9.0.0/24, which the registry"
                    " does not assign to it"
                )
            ],
        ),
        (
            "mynet.db",
            "UPDATE subnets SET network_id = NULL WHERE cidr = '10.1.0.0/24'",
            ["mynet.db: 10.1.0.0/24 is of network web according to the network's record alone"],
        ),
        (
            "mynet.db",
            "UPDATE subnets SET network_id = (SELECT id FROM networks) WHERE network_id IS NULL",
            ["mynet.db: 10.9.0.0/24 is of network web according to the registry alone"],
        ),
        (
            "mynet.db",
            (
                "UPDATE subnets SET cidr = '10.0.0.0/8', first = zeroblob(16)"
                " WHERE cidr = '10.9.0.0/24'"
            ),
            [
                "mynet.db: subnets 10.0.0.0/8 and 10.1.0.0/24 share addresses",
                (
                    "backend bitmap has 1 addresses of 10.9.0.0/24, which the registry"
                    " does not assign to it"
                ),
            ],
        ),
        (
            "mynet.db",
            "PRAGMA foreign_keys = OFF; DELETE FROM networks",
            [
                "mynet.db: row 1 of endpoints refers to a row of networks that does not exist",
                "mynet.db: row 2 of endpoints refers to a row of networks that does not exist",
                "mynet.db: row None of subnets refers to a row of networks that does not exist",
            ],
        ),
    ],
)
def test_each_contradiction_is_found(
    state: Path, file: str, script: str, wanted: Sequence[str]
) -> None:
    change(state / file, script)
    report = examine(state)
    found = with_names(report.findings, state)
    for expected in wanted:
        assert any(one.startswith(expected) for one in found), found
    if "networks" not in wanted[0]:
        assert len(found) == len(wanted), found
    assert report.whole


def test_an_address_of_two_endpoints_is_found(state: Path) -> None:
    edit(state / "mynet.db", "endpoints", lambda text: text.replace("10.1.0.3", "10.1.0.2"))
    found = with_names(examine(state).findings, state)
    assert (
        "10.1.0.2 is an address of endpoint c1 of container c1 and of endpoint c2 of container c2"
        in found
    )


@pytest.mark.parametrize("word", ["connecting", "disconnecting"])
def test_an_interrupted_endpoint_may_have_addresses_or_none(state: Path, word: str) -> None:
    text = f'"state":"{word}"'
    edit(state / "mynet.db", "endpoints", lambda one: one.replace('"state":"ready"', text))
    assert examine(state).findings == []
    intents = "DELETE FROM allocations WHERE owner LIKE 'endpoint:%' AND subnet = 2"
    change(state / BITMAP_DB, intents)
    assert all(finding.startswith("ipam/bitmap: ") for finding in examine(state).findings)


def test_a_record_that_cannot_be_read_does_not_hide_the_others(state: Path) -> None:
    edit(
        *(state / "mynet.db", "endpoints"),
        lambda text: text.replace('"mtu"', '"mut"') if '"c1"' in text else text,
    )
    change(
        state / BITMAP_DB, "UPDATE allocations SET owner = 'x' WHERE hex(address) LIKE '%0A010003'"
    )
    report = examine(state)
    assert not report.whole
    found = with_names(report.findings, state)
    assert found[0].startswith("mynet.db: endpoint c1 cannot be read: ")
    assert found[1:] == [
        "endpoint c2 of container c2 is ready with 10.1.0.3, which is not allocated to it"
    ]


def test_addresses_that_an_unreadable_record_may_have_are_not_reported(state: Path) -> None:
    edit(state / "mynet.db", "networks", lambda text: text.replace('"mtu"', '"mut"'))
    found = with_names(examine(state).findings, state)
    assert len(found) == 1
    assert found[0].startswith("mynet.db: network web cannot be read: ")


def test_a_record_under_another_id_is_found(state: Path) -> None:
    change(state / "mynet.db", "UPDATE endpoints SET id = 'f00' WHERE container_id = 'c1'")
    assert any(
        "the record of f00 says that it is of" in finding for finding in examine(state).findings
    )


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        (None, "mynet.json: is missing, so this is not a state directory of mynetd"),
        ("{", "mynet.json: cannot be read: "),
        ('{"format": 2}', "was written by a newer mynetd"),
        ('{"format": 1, "instance": "1", "files": ["a.db"]}', "a.db: is missing"),
    ],
)
def test_a_marker_that_is_malformed_is_found(state: Path, marker: str | None, said: str) -> None:
    path = state / "mynet.json"
    path.unlink() if marker is None else path.write_text(marker)
    report = examine(state)
    assert len(report.findings) == 1
    assert said in report.findings[0]
    assert not report.whole
