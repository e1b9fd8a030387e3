"""Several networks of one sandbox: which of them gives the default route."""

import pytest

from tests.server.support.world import World

NETWORKS = "abc"


@pytest.fixture(autouse=True)
def networks(world: World) -> None:
    for number, name in enumerate(NETWORKS):
        world.network(name, f"10.{number}.0.0/24")
    world.sandbox("c1")


def ways(world: World) -> str:
    """Return the networks that the sandbox leaves by, the best first."""
    found = sorted(world.driver.endpoints.values(), key=lambda endpoint: endpoint.route_metric)
    metrics = {endpoint.route_metric for endpoint in found}
    assert len(metrics) == len(found)  # or the kernel would refuse the second
    assert all(metric < 2**31 for metric in metrics)  # as /proc/net/route can show it
    return "".join(endpoint.network.name for endpoint in found)


@pytest.mark.parametrize(
    ("priorities", "best_first"),
    [
        ([0, 0, 0], "abc"),
        ([0, 1, 2], "cba"),
        ([0, -1, 1], "cab"),
        ([7, 7, 0], "abc"),
        ([-1000, 1000, 0], "bca"),
        ([-1000, -999, -1000], "bac"),
        ([999, 1000, 1000], "bca"),
    ],
)
def test_the_highest_priority_and_then_the_oldest_endpoint_has_the_best_route(
    world: World, priorities: list[int], best_first: str
) -> None:
    for name, priority in zip(NETWORKS, priorities, strict=True):
        made = world.connect("c1", network=name, netns_name="c1", gateway_priority=priority)
        assert made.gateway_priority == priority
    assert ways(world) == best_first


def test_a_new_endpoint_does_not_change_the_routes_of_others(world: World) -> None:
    first = world.connect("c1", network="a", netns_name="c1")
    told = world.driver.endpoints[first.id]
    world.connect("c1", network="b", netns_name="c1", gateway_priority=9)
    assert world.driver.endpoints[first.id] == told
    assert world.driver.trouble.calls["connect"] == 2


def test_endpoints_that_move_keep_their_priorities(world: World) -> None:
    for name, priority in zip(NETWORKS, [0, 5, -5], strict=True):
        world.connect("c1", network=name, netns_name="c1", gateway_priority=priority)
    world.sandbox("c1")
    for name, priority in [("c", -5), ("a", 0), ("b", 5)]:
        world.connect("c1", network=name, netns_name="c1", gateway_priority=priority)
    assert ways(world) == "bac"


def test_an_endpoint_that_stays_goes_before_endpoints_that_reconnect(world: World) -> None:
    world.connect("c1", network="a", netns_name="c1")
    for staying, coming in ("ab", "bc", "ca") * 3:
        world.connect("c1", network=coming, netns_name="c1")
        assert ways(world) == staying + coming
        world.disconnect("c1", network=staying)


def test_when_the_metrics_of_a_priority_are_used_up_free_ones_are_used_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mynet.server.network.planning._METRICS", 2)
    world.connect("c1", network="a", netns_name="c1", gateway_priority=-1)
    world.connect("c1", network="b", netns_name="c1")
    world.connect("c1", network="c", netns_name="c1")
    world.disconnect("c1", network="b")
    world.connect("c1", network="b", netns_name="c1")
    assert ways(world) == "bca"


def test_routes_of_other_sandboxes_do_not_matter(world: World) -> None:
    world.sandbox("c2")
    one = world.connect("c1", network="a", netns_name="c1")
    two = world.connect("c2", network="a", netns_name="c2")
    metrics = {world.driver.endpoints[each.id].route_metric for each in (one, two)}
    assert len(metrics) == 1
