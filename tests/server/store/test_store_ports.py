"""The ports on record: no two endpoints have the same, and they go with their endpoint."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from mynet.drivers.api import PortMapping, PortProtocol
from mynet.drivers.errors import PortInUse
from mynet.server.errors import EndpointNotFound
from mynet.server.model.endpoints import Endpoint
from mynet.server.store import Store
from mynet.server.store.ports import holder_of
from tests.server.support.samples.records import add, endpoint, network

UDP = PortProtocol.UDP
NET = network()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "mynet.db")
    add(made, NET)
    yield made
    made.close()


def at(
    host: str, first: int, count: int = 1, protocol: PortProtocol = PortProtocol.TCP
) -> PortMapping:
    return PortMapping(1, protocol, first, count, ip_address(host) if host else None)


def having(number: int, *ports: PortMapping) -> Endpoint:
    return endpoint(NET, number, ports=ports)


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        (at("", 80), at("", 80), "TCP port 80 "),
        (at("", 80, 10), at("", 89), "TCP port 89 "),
        (at("", 89), at("", 80, 10), "TCP port 89 "),
        (at("", 80, 10), at("", 70, 90), "TCP port 80 "),
        (at("", 70, 90), at("", 80, 10), "TCP port 80 "),
        (at("", 80, 1, UDP), at("192.0.2.7", 80, 1, UDP), r"UDP port 192\.0\.2\.7:80 "),
        (at("192.0.2.7", 80), at("", 80), r"TCP port 192\.0\.2\.7:80 "),
        (at("192.0.2.7", 80), at("192.0.2.7", 80), r"TCP port 192\.0\.2\.7:80 "),
        (at("2001:db8::1", 80), at("::", 79, 2), r"TCP port \[2001:db8::1\]:80 "),
        (at("::", 80), at("", 80), "TCP port 80 "),
    ],
)
def test_a_port_of_another_endpoint_is_refused_and_nothing_recorded(
    store: Store, first: PortMapping, second: PortMapping, shared: str
) -> None:
    neighbours = [at("", 1000), at("192.0.2.7", 1), at("192.0.2.8", 2)]
    holder = store.endpoints.add(having(1, at("", 9), first, *neighbours))
    with pytest.raises(PortInUse, match=f"{shared}.*endpoint {holder.id[:12]} of container c1"):
        store.endpoints.add(having(2, at("", 10), second))
    assert store.endpoints.all() == [holder]
    store.endpoints.remove(holder)
    store.endpoints.add(having(2, at("", 10), second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (at("", 80), at("", 80, 1, UDP)),
        (at("", 80), at("", 81)),
        (at("", 80, 10), at("", 90)),
        (at("", 80), at("", 70, 10)),
        (at("192.0.2.7", 80), at("192.0.2.8", 80)),
        (at("0.0.0.0", 80), at("::", 80)),  # noqa: S104 - as asked for
        (at("192.0.2.7", 80), at("::", 80)),
    ],
)
def test_ports_that_do_not_clash_are_accepted(
    store: Store, first: PortMapping, second: PortMapping
) -> None:
    store.endpoints.add(having(1, first))
    store.endpoints.add(having(2, second))


def test_ports_are_recorded_in_the_families_of_the_network(store: Store) -> None:
    store.endpoints.add(having(1, at("", 80)), frozenset({4}))
    store.endpoints.add(having(2, at("", 80)), frozenset({6}))
    with pytest.raises(PortInUse):
        store.endpoints.add(having(3, at("", 80)), frozenset({6}))


def test_a_record_without_ports_is_read(tmp_path: Path) -> None:
    made = Store(tmp_path / "old.db")
    web = add(made, NET)
    old = replace(endpoint(web), ports=())
    recorded = made.endpoints.add(old)
    with made._database.read() as connection:
        (document,) = connection.execute("SELECT document FROM endpoints").fetchone()
    assert '"ports":[]' in document
    made._database.write(
        lambda connection, _: (
            connection.execute(
                "UPDATE endpoints SET document = replace(document, ',\"ports\":[]', '')"
            ).rowcount
        )
    )
    assert made.endpoints.all() == [recorded]
    made.close()


def test_ten_thousand_ports_do_not_make_the_next_slower(store: Store) -> None:
    def steps(port: PortMapping) -> int:
        """Count the steps that SQLite takes to find that a port is free."""
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        with store._database.read() as connection:
            connection.set_progress_handler(step, 1)
            assert holder_of(connection, port, NET.versions) is None
            connection.set_progress_handler(None, 1)
        return count

    mappings = at("", 50001), at("192.0.2.7", 50001), at("", 50001, 1, UDP)
    store.endpoints.add(having(1, at("", 9), at("192.0.2.7", 10), at("", 9, 1, UDP)))
    few = [steps(port) for port in mappings]
    store.endpoints.add(having(2, *(at("", 30000 + 2 * number) for number in range(10000))))
    assert all(steps(port) < 2 * count for port, count in zip(mappings, few, strict=True))


def test_republishing_replaces_the_recorded_ports(store: Store) -> None:
    store.endpoints.add(having(1, at("", 80), at("", 90)))
    changed = store.endpoints.republish(having(1, at("", 90), at("", 100)), NET.versions)
    assert store.endpoints.all() == [changed]
    store.endpoints.add(having(2, at("", 80)))
    for port in (90, 100):
        with pytest.raises(PortInUse, match=f"TCP port {port} "):
            store.endpoints.add(having(3, at("", port)))


def test_a_refused_republish_keeps_the_recorded_ports(store: Store) -> None:
    before = store.endpoints.add(having(1, at("", 80)))
    store.endpoints.add(having(2, at("", 90)))
    with pytest.raises(PortInUse, match="TCP port 90 "):
        store.endpoints.republish(having(1, at("", 90)), NET.versions)
    assert store.endpoints.all()[0] == before
    with pytest.raises(PortInUse, match="TCP port 80 "):
        store.endpoints.add(having(3, at("", 80)))


def test_a_removed_endpoint_cannot_be_republished(store: Store) -> None:
    with pytest.raises(EndpointNotFound):
        store.endpoints.republish(having(1, at("", 80)), NET.versions)
    store.endpoints.add(having(2, at("", 80)))
