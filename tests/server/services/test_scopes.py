"""Principals that [roles] binds to networks: what each method does about the networks of others."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, message_factory

from mynet.server.model.callers import Role
from mynet.server.model.roles import Grant, Roles
from mynet.server.model.scopes import EVERYTHING, Scope
from mynet.server.services.front.methods import SERVICES
from tests.server.support.refusals import Refusal, unpacked
from tests.server.support.tls import TlsServer
from tests.server.support.world import World

METHODS = {
    method.name: (f"/{service.full_name}/{method.name}", method)
    for service in SERVICES
    for method in service.methods
}
SCOPES = {
    "by name": Scope(("ci-*", "shared")),
    "by label": Scope(labels={"team": "ci"}),
    "by both": Scope(("ci-*",), {"team": "ci"}),
}
MINE, THEIRS, ALONE = "10.1.0.0/24", "10.2.0.0/24", "10.9.0.0/24"
FIELDS = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """A method, a request about what is in the scope, and one about what is not."""

    verb: str
    inside: FIELDS
    outside: FIELDS
    # The reason of the refusal outside; "" if the answer is as if nothing was there.
    reason: str = ""


def network(name: str, cidr: str = "10.3.0.0/24", **labels: str) -> FIELDS:
    return {"network": {"name": name, "subnets": [{"cidr": cidr}], "labels": labels}}


def endpoint(which: str) -> FIELDS:
    return {"network": which, "container_id": "c1"}


def address(subnet: str, last: int = 7) -> FIELDS:
    return {"subnet": subnet, "address": f"{subnet.rpartition('.')[0]}.{last}"}


HIDDEN_NETWORK, HIDDEN_ENDPOINT = "NETWORK_NOT_FOUND", "ENDPOINT_NOT_FOUND"
HIDDEN_SUBNET, REFUSED = "SUBNET_NOT_FOUND", "OUT_OF_SCOPE"
LABELS = {"labels": {"a": "b"}}
CASES = [
    Case("CreateNetwork", network("ci-2", team="ci"), network("db2", team="sql"), REFUSED),
    # The subnet is registered without a network.
    Case("CreateNetwork", network("ci-2", team="ci"), network("ci-2", ALONE, team="ci"), REFUSED),
    Case("GetNetwork", {"network": "ci-1"}, {"network": "sql"}, HIDDEN_NETWORK),
    Case("ListNetworks", {}, {"labels": {"team": "sql"}}),
    Case(
        "UpdateNetwork",
        {"network": "ci-1", "labels": {"a": "b"}},
        {"network": "sql", "labels": {"team": "ci"}},
        HIDDEN_NETWORK,
    ),
    Case(
        "DeleteNetwork",
        {"network": "ci-1", "force": True},
        {"network": "sql", "force": True},
        HIDDEN_NETWORK,
    ),
    Case(
        "DeleteNetwork",
        {"network": "ci-1", "force": True},
        {"network": "sql", "allow_missing": True},
    ),
    Case(
        "Connect",
        {"network": "ci-1", "container_id": "c2"},
        {"network": "sql", "container_id": "c2"},
        HIDDEN_NETWORK,
    ),
    Case(
        "BatchConnect",
        {"requests": [{"network": "ci-1", "container_id": "c2"}]},
        {"requests": [{"network": "sql", "container_id": "c2"}]},
        HIDDEN_NETWORK,
    ),
    Case(
        "BatchDisconnect",
        {"requests": [endpoint("ci-1")]},
        {"requests": [endpoint("sql")]},
        HIDDEN_NETWORK,
    ),
    Case(
        "UpdateEndpoint",
        {**endpoint("ci-1"), **LABELS},
        {**endpoint("sql"), **LABELS},
        HIDDEN_NETWORK,
    ),
    Case("Disconnect", endpoint("ci-1"), endpoint("sql"), HIDDEN_NETWORK),
    Case("Disconnect", {"container_id": "c1"}, {"container_id": "c9"}, HIDDEN_ENDPOINT),
    Case("GetEndpoint", endpoint("ci-1"), endpoint("sql"), HIDDEN_NETWORK),
    Case("ListEndpoints", {}, {"container_id": "c9"}),
    Case("ListEndpoints", {"network": "ci-1"}, {"network": "sql"}, HIDDEN_NETWORK),
    Case("CheckEndpoint", endpoint("ci-1"), endpoint("sql"), HIDDEN_NETWORK),
    Case("Doctor", {}, {}, REFUSED),
    Case("Backup", {}, {}, REFUSED),
    Case("CreateSubnet", {}, {"subnet": {"cidr": "10.8.0.0/24"}}, REFUSED),
    Case("DeleteSubnet", {}, {"subnet": ALONE}, REFUSED),
    Case("ImportSubnets", {}, {"document": "{}"}, REFUSED),
    Case("AllocateAddress", {"subnet": MINE}, {"subnet": THEIRS}, HIDDEN_SUBNET),
    Case("AllocateAddress", {"subnet": MINE}, {"subnet": ALONE}, HIDDEN_SUBNET),
    Case("AllocateAddress", {"subnet": MINE}, {"subnet": "10.7.0.0/24"}, HIDDEN_SUBNET),
    Case(
        "BatchAllocateAddresses",
        {"subnet": MINE, "count": 2},
        {"subnet": THEIRS, "count": 2},
        HIDDEN_SUBNET,
    ),
    Case("ReleaseAddress", address(MINE), address(THEIRS), HIDDEN_SUBNET),
    Case("ReleaseAddress", address(MINE), address(ALONE), HIDDEN_SUBNET),
    Case("ReleaseOwner", {"owner": "vm"}, {"owner": "theirs"}),
    Case("ListAllocations", {"owner": "vm"}, {"owner": "theirs"}),
    Case("ListAllocations", {"subnet": MINE}, {"subnet": THEIRS}),
    Case("GetSubnet", {"subnet": MINE}, {"subnet": THEIRS}, HIDDEN_SUBNET),
    Case("GetSubnet", {"subnet": MINE}, {"subnet": ALONE}, HIDDEN_SUBNET),
    Case("GetSubnetMap", {"subnet": MINE}, {"subnet": THEIRS}, HIDDEN_SUBNET),
    Case("ListSubnets", {}, {"page_token": "WyIxMC4xLjAuMC8yNCJd"}),  # behind MINE
    Case("ExportSubnets", {"format": 1}, {"format": 1, "subnet": THEIRS}, HIDDEN_SUBNET),
]
FREE = {"ListDrivers", "ListBackends"}  # they are about no network
REMOVING = {"DeleteNetwork", "Disconnect", "BatchDisconnect", "ReleaseOwner"}
WHOLE_HOST = {case.verb for case in CASES if not case.inside and case.reason == REFUSED}


class Bound:
    """A caller with the role admin, and with a scope that a test gives it."""

    def __init__(self, tls: TlsServer) -> None:
        self._tls = tls
        pair = tls.authority.issue("", "ci.example.org")
        self._channel = tls.channel(pair)

    def bind(self, scope: Scope) -> None:
        self._tls.server.front.roles = Roles({"ci.example.org": Grant(Role.ADMIN, scope)})

    def call(self, verb: str, fields: FIELDS) -> str:
        """Call a method, and return its answers as JSON."""
        path, method = METHODS[verb]
        message = message_factory.GetMessageClass(method.input_type)
        call: Any = self._channel.stream_stream(
            path,
            message.SerializeToString,
            message_factory.GetMessageClass(method.output_type).FromString,
        )
        request = json_format.ParseDict(dict(fields), message())
        answers = call(iter([request]), timeout=60)
        return "".join(json_format.MessageToJson(answer) for answer in answers)

    def refused(self, verb: str, fields: FIELDS) -> Refusal:
        with pytest.raises(grpc.RpcError) as caught:
            self.call(verb, fields)
        return unpacked(caught.value)


@pytest.fixture
def shared(world: World) -> World:
    """A daemon with a network for the caller, one for others, and a subnet without a network."""
    world.network("ci-1", MINE, labels={"team": "ci"})
    world.network("sql", THEIRS, labels={"team": "sql"})  # no id begins with this name
    for name in ("ci-1", "sql"):
        world.connect("c1", network=name)
    world.connect("c9", network="sql")
    for subnet, owner in ((MINE, "vm"), (THEIRS, "vm"), (THEIRS, "theirs"), (ALONE, "vm")):
        world.allocate(subnet, owner=owner, address=address(subnet, 7 + (owner != "vm"))["address"])
    return world


@pytest.fixture
def bound(shared: World, tmp_path: Path) -> Iterator[Bound]:
    tls = TlsServer(shared, tmp_path)
    yield Bound(tls)
    tls.close()


def test_every_method_has_a_case() -> None:
    assert {case.verb for case in CASES} | FREE == METHODS.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.verb}-{case.outside}"[:60])
def test_a_bound_principal_does_not_reach_what_others_have(
    shared: World, bound: Bound, case: Case
) -> None:
    for scope in SCOPES.values():
        bound.bind(scope)
        before = shared.state()
        if "requests" in case.outside:
            (outcome,) = json.loads(bound.call(case.verb, case.outside))["outcomes"]
            assert outcome["failure"]["reason"] == case.reason
        elif case.reason:
            refusal = bound.refused(case.verb, case.outside)
            assert refusal.reason == case.reason
            if case.reason == REFUSED:
                assert refusal.code == "PERMISSION_DENIED"
                assert refusal.metadata["networks"] == str(scope)
        else:
            assert bound.call(case.verb, case.outside) == "{}"
        assert shared.state() == before


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_a_bound_principal_uses_its_own_and_sees_nothing_else(
    shared: World, bound: Bound, scope: Scope
) -> None:
    bound.bind(scope)
    theirs = [network for network in shared.store.networks.all() if network.name == "sql"]
    for case in (*CASES, *(Case(verb, {}, {}) for verb in FREE)):
        if case.verb in WHOLE_HOST | REMOVING:
            continue
        answer = bound.call(case.verb, {**case.inside, **_again(case.verb)})
        assert answer != "{}" or case.verb in ("ReleaseAddress", "ListAllocations")
        for hidden in ('"sql"', "10.2.0", ALONE, theirs[0].id, "theirs"):
            assert hidden not in answer
    assert '"c1"' in bound.call("Disconnect", {"container_id": "c1"})
    assert "10.1.0.7" not in bound.call("ListAllocations", {})
    bound.call("DeleteNetwork", {"network": "ci-1", "force": True})
    assert [network for network in shared.store.networks.all() if network.name == "sql"] == theirs
    assert [each.spec.container_id for each in shared.store.endpoints.all()] == ["c1", "c9"]


def _again(verb: str) -> FIELDS:
    """Return fields that make a call which was made already succeed again."""
    repeatable = {"CreateNetwork": "allow_existing", "ReleaseAddress": "allow_missing"}
    return {repeatable[verb]: True} if verb in repeatable else {}


def test_an_owner_s_addresses_are_released_in_own_networks_only(
    shared: World, bound: Bound
) -> None:
    bound.bind(SCOPES["by name"])
    answer = bound.call("ReleaseOwner", {"owner": "vm"})
    assert "10.1.0.7" in answer
    assert "10.2.0.7" not in answer
    held = shared.held()
    assert "10.1.0.7" not in held
    assert held["10.2.0.7"] == held["10.9.0.7"] == "vm"


def test_a_list_of_allocations_is_paged_within_the_scope(shared: World, bound: Bound) -> None:
    shared.network("ci-0", "10.0.5.0/24", labels={"team": "ci"})
    shared.network("shared", "10.5.0.0/24", labels={"team": "ci"})
    bound.bind(SCOPES["by label"])
    everything = json_pages(bound, 1000)
    assert [subnet for subnet, _ in everything] == sorted(subnet for subnet, _ in everything)
    assert {subnet for subnet, _ in everything} == {"10.0.5.0/24", MINE, "10.5.0.0/24"}
    for size in (1, 2, 3):
        assert json_pages(bound, size) == everything


def json_pages(bound: Bound, size: int) -> Sequence[tuple[str, str]]:
    """Return the subnet and the address of all allocations, fetched in pages."""
    found: list[tuple[str, str]] = []
    token = ""
    while True:
        text = bound.call("ListAllocations", {"page_size": size, "page_token": token})
        page = json_format.Parse(text, _page())
        found += [(held.subnet, held.address) for held in page.allocations]
        token = page.next_page_token
        if not token:
            return found


def _page() -> Any:
    return message_factory.GetMessageClass(METHODS["ListAllocations"][1].output_type)()


def test_a_network_cannot_be_moved_out_of_the_scope(shared: World, bound: Bound) -> None:
    bound.bind(SCOPES["by label"])
    before = shared.state()
    for fields in ({"labels": {"team": "sql"}}, {"remove_labels": ["team"]}):
        refusal = bound.refused("UpdateNetwork", {"network": "ci-1", **fields})
        assert refusal.reason == REFUSED
        assert "with team=ci" in refusal.message
    assert shared.state() == before


def test_the_beginning_of_an_id_selects_among_own_networks(
    shared: World, bound: Bound, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound.bind(SCOPES["by name"])
    mine, theirs = (network.id for network in shared.store.networks.all())
    assert bound.refused("GetNetwork", {"network": theirs}).reason == HIDDEN_NETWORK
    assert bound.refused("GetNetwork", {"network": theirs[:8]}).reason == HIDDEN_NETWORK
    assert mine in bound.call("GetNetwork", {"network": mine[:8]})


def test_a_scope_ends_when_roles_says_so(bound: Bound) -> None:
    bound.bind(SCOPES["by name"])
    assert bound.refused("GetNetwork", {"network": "sql"}).reason == HIDDEN_NETWORK
    bound.bind(EVERYTHING)
    assert THEIRS in bound.call("GetNetwork", {"network": "sql"})


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("ci-*", "ci-1", True),
        ("ci-*", "CI-1", False),
        ("ci-*", "xci-1", False),
        ("ci", "ci-1", False),
        ("ci-?", "ci-12", False),
        ("[cd]i", "di", True),
    ],
)
def test_a_pattern_fits_whole_names(pattern: str, name: str, *, fits: bool) -> None:
    assert Scope((pattern,)).has(name, {}) is fits
