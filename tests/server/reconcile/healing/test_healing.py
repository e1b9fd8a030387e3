"""The healer over the real driver, and a kernel in memory that sends notifications."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mynet.drivers.errors import KernelError
from mynet.server.calls.call import Call
from mynet.server.reconcile import healer as healer_module
from mynet.server.reconcile.findings import Examination
from mynet.server.reconcile.healer import examiners, healers
from mynet.v1 import network_pb2
from tests.server.reconcile.healing.logged import Log, said
from tests.server.support.polling import eventually
from tests.server.support.stack import Stack

LOOPBACK = "br-web drops packets from 127.0.0.1 (route_localnet is 0)."
PORT = network_pb2.PortMapping(container_port=80)


@pytest.fixture
def stack(folder: Path) -> Iterator[Stack]:
    """A daemon that heals, with network web and containers c1, in a sandbox, and c2, in none."""
    made = Stack(folder)
    made.network("web", "10.1.0.0/24", "fd00:1::/64")
    made.connect("c1", netns_name="c1", ports=[network_pb2.PortMapping(container_port=80)])
    made.connect("c2", interface="loose0")
    (healer,) = healers(made.core.doctor, made.drivers)
    healer.start()
    assert eventually(lambda: made.kernel.control.calls["monitor.watch"] and surveyed(made))
    yield made
    healer.stop()
    assert healer.ended(5)
    made.close()


def surveyed(stack: Stack) -> int:
    return stack.kernel.control.calls["firewall.drifted"]


def in_order(stack: Stack) -> bool:
    """Return whether the doctor finds nothing, except for the endpoint without a sandbox."""
    found = stack.net.Doctor(network_pb2.DoctorRequest()).findings
    return all(each.object.endswith("container c2") for each in found)


def host_end(stack: Stack, container: str = "c1") -> str:
    (name,) = [
        endpoint.host_interface
        for endpoint in stack.endpoints()
        if endpoint.container_id == container
    ]
    return name


def quiet(stack: Stack) -> None:
    """Wait until the healer has nothing to do."""
    before = -1
    while before != (now := sum(stack.kernel.control.calls.values())):
        before = now
        time.sleep(0.3)


def test_without_damage_nothing_is_done(stack: Stack, log: Log) -> None:
    before = stack.state()
    stack.kernel.lose_notifications()
    assert eventually(lambda: surveyed(stack) > 1)
    quiet(stack)
    assert stack.state() == before
    assert not {line["event"] for line in log} & {"healed", "not healed", "found"}


def test_a_deleted_bridge_is_restored_with_its_ports(stack: Stack, log: Log) -> None:
    stack.kernel.delete_link("br-web")
    assert eventually(lambda: len(said(log, "healed")) == 2)
    assert in_order(stack)
    assert said(log, "healed") == [
        ("network web", "The bridge br-web is not there."),
        (
            "container c1",
            f"{host_end(stack)} is in no bridge instead of br-web. {LOOPBACK}",
        ),
    ]
    assert [line["total"] for line in log if line["event"] == "healed"] == [1, 2]
    stack.disconnect("c2")  # which is its caller's to see to


def test_a_deleted_endpoint_is_restored_with_its_addresses(stack: Stack, log: Log) -> None:
    before = stack.state()
    links = stack.kernel.list_links(stack.sandboxes[0])
    stack.kernel.delete_link(host_end(stack))
    assert eventually(lambda: len(stack.kernel.list_links(stack.sandboxes[0])) == len(links))
    assert eventually(lambda: said(log, "healed"))
    new = {"links": (), "firewall": ()}  # the link has another index, which rules begin with
    assert {**stack.state(), **new} == {**before, **new}
    assert all(stack.problems(endpoint.id) == [] for endpoint in stack.endpoints())


def test_the_firewall_and_forwarding_are_restored(stack: Stack, log: Log) -> None:
    before = stack.kernel.firewall.networks, stack.kernel.firewall.endpoints
    stack.kernel.flush_firewall()
    assert eventually(
        lambda: (stack.kernel.firewall.networks, stack.kernel.firewall.endpoints) == before
    )
    assert eventually(lambda: len(said(log, "healed")) == 1)  # not both at once
    stack.kernel.stop_forwarding()
    assert eventually(lambda: stack.kernel.host.forwarding == {4, 6})
    assert eventually(lambda: len(said(log, "healed")) == 2)
    assert {subject for subject, _ in said(log, "healed")} == {"network web"}


@contextmanager
def without_notifications(stack: Stack) -> Iterator[None]:
    """Suppress the kernel's notifications."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack.kernel.monitor, "notify", lambda *_: None)
        yield


def test_surveys_are_made_without_alarms(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healer_module, "SURVEY_INTERVAL", 0.05)
    stack = Stack(folder)
    stack.network("web", "10.1.0.0/24")
    (healer,) = healers(stack.core.doctor, stack.drivers)
    healer.start()
    for _ in range(2):
        with without_notifications(stack):
            stack.kernel.delete_link("br-web")
        assert eventually(lambda: in_order(stack))
    healer.stop()
    assert healer.ended(5)
    stack.close()


def test_an_endpoint_whose_sandbox_is_gone_waits_for_its_caller(stack: Stack, log: Log) -> None:
    before = stack.store.endpoints.all()
    name = host_end(stack)
    stack.kernel.delete_sandbox("/run/netns/c1")
    stack.kernel.lose_notifications()
    quiet(stack)
    assert stack.store.endpoints.all() == before
    assert name not in {link.name for link in stack.kernel.list_links()}
    assert said(log, "healed") == said(log, "not healed") == []
    stack.kernel.add_sandbox("/run/netns/c1")
    assert stack.connect("c1", netns_name="c1", ports=[PORT]).id == before[0].id


def test_an_endpoint_without_a_sandbox_is_not_repaired(stack: Stack, log: Log) -> None:
    stack.kernel.delete_link(host_end(stack, "c2"))
    stack.kernel.lose_notifications()
    quiet(stack)
    assert said(log, "healed") == said(log, "not healed") == []
    assert not {"loose0", host_end(stack, "c2")} & {link.name for link in stack.kernel.list_links()}
    stack.disconnect("c2")  # which is its caller's to see to


def test_a_foreign_device_with_a_bridge_s_name_is_not_touched_and_logged_once(
    stack: Stack, log: Log
) -> None:
    with without_notifications(stack):
        stack.kernel.delete_link("br-web")
        foreign = stack.kernel.add_link("br-web")
    before = stack.kernel.firewall.networks
    stack.kernel.lose_notifications()
    attempts = stack.kernel.control.calls["links.ensure_bridge"]
    assert eventually(lambda: stack.kernel.control.calls["links.ensure_bridge"] > attempts + 2)
    assert foreign in stack.kernel.list_links()
    assert stack.kernel.firewall.networks == before
    told = [problem for _, problem in said(log, "not healed") if "network web" in problem]
    assert len(told) == 1
    assert "The interface br-web is not the network's bridge." in told[0]
    stack.kernel.delete_link("br-web")
    assert eventually(lambda: in_order(stack))
    stack.disconnect("c2")  # which is its caller's to see to


def test_a_failed_repair_is_tried_again_and_logged_once(stack: Stack, log: Log) -> None:
    stack.kernel.control.fail("links.ensure_bridge", KernelError("no"), times=3)
    stack.kernel.delete_link("br-web")
    assert eventually(lambda: in_order(stack))
    assert eventually(lambda: said(log, "healed"))
    told = [line for line in log if line["event"] == "not healed"]
    (line,) = [each for each in told if each["problem"].startswith("network web")]
    assert line["problem"].endswith("The bridge br-web is not there. The repair failed: no.")
    assert isinstance(line["exc_info"], KernelError)
    stack.disconnect("c2")  # which is its caller's to see to


def test_a_failed_survey_is_logged_once_and_made_again(stack: Stack, log: Log) -> None:
    stack.kernel.control.fail("links.survey", KernelError("no"), times=3)
    for number in range(4):
        calls = stack.kernel.control.calls["links.survey"]
        stack.kernel.lose_notifications()
        assert eventually(lambda: stack.kernel.control.calls["links.survey"] > calls), number  # noqa: B023
    assert [problem for _, problem in said(log, "not healed")] == ["bridge was not surveyed: no"]


def test_an_object_is_examined_after_the_call_that_is_changing_it(stack: Stack, log: Log) -> None:
    call = Call.internal(5)
    with stack.core.doctor.locks.exclusive(call, "container", "c1"):
        stack.kernel.delete_link(host_end(stack))
        assert eventually(
            lambda: [line for line in log if line["event"].startswith("left alone")], 5
        )
        assert said(log, "healed") == []
    assert eventually(lambda: said(log, "healed"))
    assert said(log, "not healed") == []


def test_an_object_that_is_being_created_or_deleted_is_not_examined(stack: Stack) -> None:
    stack.delete(force=True)
    before = (
        stack.kernel.control.calls["links.inspect"],
        stack.kernel.control.calls["links.inspect_bridge"],
    )
    stack.kernel.monitor.notify("mynet:instance:gone")
    stack.kernel.lose_notifications()
    quiet(stack)
    assert (
        stack.kernel.control.calls["links.inspect"],
        stack.kernel.control.calls["links.inspect_bridge"],
    ) == before


def test_an_endpoint_that_moved_since_it_was_suspected_is_not_removed(stack: Stack) -> None:
    (before,) = [endpoint for endpoint in stack.store.endpoints.all() if endpoint.place.sandbox]
    examine = dict(examiners(stack.core.doctor, [before.id]))[before.id]
    stack.kernel.add_sandbox("/run/netns/c1")  # the container has restarted
    stack.connect("c1", netns_name="c1", ports=[PORT])
    examination = Examination(lambda: Call.internal(5), repair=True)
    examine(examination)
    assert examination.findings == []
    (after,) = [endpoint for endpoint in stack.store.endpoints.all() if endpoint.place.sandbox]
    assert (after.id, after.addresses) == (before.id, before.addresses)
    assert after.place != before.place
