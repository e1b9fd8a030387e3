"""What a tenant sends in its own name arrives, whatever it is."""

from tests.e2e.support.hostile import honest
from tests.e2e.support.hostile.scene import Attack as Frame
from tests.e2e.support.hostile.tenants import Tenants


def require_arrived(tenants: Tenants, frames: list[Frame], places: set[str]) -> None:
    arrived = tenants.launch(frames)
    lost = {
        frame.name: places - arrived.get(frame.name, set())
        for frame in frames
        if not places <= arrived.get(frame.name, set())
    }
    assert lost == {}


def test_broadcasts_and_multicasts_arrive_at_the_host_and_at_neighbours(tenants: Tenants) -> None:
    places = {"the bridge", "good"} if tenants.reach_each_other else {"the bridge"}
    require_arrived(tenants, list(honest.to_all(tenants.scene)), places)


def test_packets_of_all_protocols_arrive_at_the_host(tenants: Tenants) -> None:
    target = tenants.scene.gateway
    frames = [*honest.to_one(tenants.scene, target), *honest.errors(tenants.scene, target)]
    require_arrived(tenants, frames, {"the bridge"})


def test_packets_of_all_protocols_arrive_at_a_neighbour(tenants: Tenants) -> None:
    frames = list(honest.to_one(tenants.scene, tenants.scene.neighbour))
    require_arrived(tenants, frames, {"good"} if tenants.reach_each_other else set())
