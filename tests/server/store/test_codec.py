"""Records as JSON: read as they were written, and anything else is an error."""

import json
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

import pytest

from mynet.drivers.api import IPAddress, IPInterface, IPNetwork
from mynet.ipam.errors import StoreDamaged
from mynet.server.model.endpoints import Endpoint
from mynet.server.model.networks import Network
from mynet.server.store import codec
from tests.server.support.samples.records import endpoint, network

RECORDS = [network(), endpoint(network())]
SUBNET = json.loads(codec.encode(network()))["subnets"][0]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(record: Network | Endpoint) -> None:
    assert codec.decode(codec.encode(record), type(record)) == record


def test_a_record_is_one_line_that_a_person_can_read() -> None:
    text = codec.encode(network())
    assert "\n" not in text
    found = json.loads(text)
    [subnet] = found["subnets"]
    assert (subnet["cidr"], subnet["gateway"]) == ("10.1.0.0/24", None)
    assert subnet["wish"]["gateway"] == "10.1.0.1"
    assert found["create_time"] == "2026-01-02T03:04:05.678901+00:00"
    assert found["state"] == "creating"


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_field_that_is_not_known_is_an_error(record: Network | Endpoint) -> None:
    found = {**json.loads(codec.encode(record)), "colour": "red"}
    with pytest.raises(StoreDamaged, match="is not a valid "):
        codec.decode(json.dumps(found), type(record))


@pytest.mark.parametrize("field", ["id", "wish", "subnets", "interface", "mtu", "state"])
def test_a_field_that_is_missing_and_has_no_default_is_an_error(field: str) -> None:
    found = json.loads(codec.encode(network()))
    del found[field]
    with pytest.raises(StoreDamaged, match="is not a valid "):
        codec.decode(json.dumps(found), Network)


def test_a_field_added_later_gets_its_default() -> None:
    found = json.loads(codec.encode(endpoint(network())))
    del found["gateways"]
    del found["wish"]["gateway_priority"]
    decoded = codec.decode(json.dumps(found), Endpoint)
    assert (decoded.gateways, decoded.spec.gateway_priority) == ((), 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "molten"),
        ("create_time", "yesterday"),
        ("create_time", None),
        ("subnets", [{**SUBNET, "cidr": "10.1.0.1/24"}]),
        ("subnets", [{**SUBNET, "gateway": "10.1.0.256"}]),
        ("subnets", [{**SUBNET, "wish": {"cidr": "10.1.0.0/33"}}]),
        ("wish", None),
        ("mtu", "large"),
    ],
)
def test_a_value_of_another_type_is_an_error(field: str, value: object) -> None:
    found = {**json.loads(codec.encode(network())), field: value}
    with pytest.raises(StoreDamaged, match="is not a valid "):
        codec.decode(json.dumps(found), Network)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"record"'])
def test_text_that_is_not_a_record_is_an_error(text: str) -> None:
    with pytest.raises(StoreDamaged, match="is not a valid Network"):
        codec.decode(text, Network)


@dataclass(frozen=True)
class Addresses:
    one: IPAddress | None
    many: tuple[IPInterface, ...]
    cidr: IPNetwork


@pytest.mark.parametrize("cidr", [IPv4Network("10.0.0.0/8"), IPv6Network("fd00::/8")])
def test_addresses_of_both_families_are_texts(cidr: IPNetwork) -> None:
    text = f'{{"one":null,"many":["10.0.0.1/8","fd00::1/8"],"cidr":"{cidr}"}}'
    assert codec.encode(codec.decode(text, Addresses)) == text
