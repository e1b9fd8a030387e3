"""fsck: the kernel against the records. The kernel is in memory."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import pytest

from mynet.drivers.api import Call, Driver, DriverContext
from mynet.drivers.api import Endpoint as DriverEndpoint
from mynet.drivers.bridge import BridgeDriver
from mynet.drivers.errors import PrivilegeMissing
from mynet.server.offline.fsck import examine, kernel
from mynet.server.offline.fsck.kernel import Comparison, compare
from mynet.server.plugins.catalog import DRIVERS, Catalog, CatalogEntry
from mynet.v1.network_pb2 import PortMapping
from tests.server.support.daemon import INSTANCE, list_driver
from tests.server.support.faulty.damage import edit, with_names
from tests.server.support.stack import Stack

MENDS = "The next start repairs it."
PATIENCE = 0.2  # seconds for a driver that hangs


class Hanging(BridgeDriver):
    """A driver whose check does not return until the test ends it."""

    def __init__(self, stack: Stack, over: Event) -> None:
        super().__init__(DriverContext(INSTANCE, stack.folder), stack.kernel)
        self._over = over

    def check(self, call: Call, endpoint: DriverEndpoint) -> Sequence[str]:
        self._over.wait(10)
        return ["It was never seen."]


@pytest.fixture
def left(folder: Path) -> Stack:
    """A stopped daemon with a network of two endpoints, one of them with a published port."""
    stack = Stack(folder)
    stack.network("web", "10.1.0.0/24", "fd00:1::/64")
    stack.connect(
        "c1", netns_path="/run/netns/c1", ports=[PortMapping(host_port=80, container_port=8080)]
    )
    stack.connect("c2", netns_path="/run/netns/c2")
    stack.close()
    return stack


def look(stack: Stack, *listings: CatalogEntry[Driver]) -> Comparison:
    """Compare the kernel with the records of a stopped daemon."""
    catalog = Catalog(DRIVERS, listings or [list_driver(stack.driver())])
    found = Comparison()
    compare(found, examine(stack.folder).records, catalog, stack.kernel, PATIENCE)
    return found


def findings(stack: Stack) -> list[str]:
    """Return the findings with names in place of ids."""
    found = look(stack)
    assert found.remarks == []
    return with_names(found.findings, stack.folder)


def host_end(stack: Stack, container: str) -> str:
    records = examine(stack.folder).records.endpoints.values()
    (name,) = [record.host_interface for record in records if record.spec.container_id == container]
    return name


def test_a_stopped_daemon_leaves_no_findings(left: Stack) -> None:
    assert findings(left) == []


def test_a_missing_link_is_found(left: Stack) -> None:
    name = host_end(left, "c2")
    left.kernel.delete_link(name)
    assert [finding.replace(name, "NAME") for finding in findings(left)] == [
        (
            "kernel: endpoint c2 of container c2: The host's interface NAME is not there. The"
            f" interface eth0 is not in the sandbox. {MENDS}"
        )
    ]


def test_a_missing_bridge_is_found(left: Stack) -> None:
    left.kernel.delete_link("br-web")
    found = findings(left)
    assert found[0] == f"kernel: network web: The bridge br-web is not there. {MENDS}"
    assert [each.split(":")[1] for each in found[1:]] == [
        " endpoint c1 of container c1",
        " endpoint c2 of container c2",
    ]


def test_an_orphan_is_found(left: Stack) -> None:
    left.kernel.add_link("veth-lost", mark=f"mynet:{INSTANCE}:feedfacefeedface")
    left.kernel.add_link("br-other", mark="mynet:another:feedfacefeedface")
    assert findings(left) == [
        (
            "kernel: interface veth-lost carries the mark of feedfacefeed, which is not on"
            " record. The next start removes it."
        )
    ]


def test_a_missing_firewall_is_found(left: Stack) -> None:
    left.kernel.flush_firewall()
    _, one, two, *tables = findings(left)  # the kernel in memory knows itself how it was loaded
    assert one.startswith("kernel: endpoint c1 of container c1: The firewall lacks ")
    assert "The firewall does not lead TCP" in one
    assert two.startswith("kernel: endpoint c2 of container c2: The firewall lacks ")
    assert tables == [
        f"kernel: The firewall's table {family} mynet is not there. {MENDS}"
        for family in ("inet", "bridge")
    ]


def test_a_firewall_element_without_a_record_is_found(left: Stack) -> None:
    edit(
        left.folder / "mynet.db",
        "endpoints",
        lambda text: text.replace('"host_port":80', '"host_port":81'),
    )
    found = [finding for finding in findings(left) if "in the map pub" in finding]
    assert found == [
        f"kernel: The firewall has tcp . 80 : {to} . 8080 in the map pub{version}, which nothing on"
        f" record asks for. {MENDS}"
        for version, to in ((4, "10.1.0.2"), (6, "fd00:1::2"))
    ]


def test_a_gone_sandbox_is_found_and_a_moved_one_is_not(left: Stack) -> None:
    left.kernel.delete_sandbox("/run/netns/c1")
    left.kernel.move_sandbox("/run/netns/c2", "/run/netns/elsewhere")
    assert findings(left) == [
        (
            "kernel: endpoint c1 of container c1: Its sandbox, which was at /run/netns/c1, is gone."
            " The next start removes it."
        )
    ]


@pytest.mark.parametrize("state", ["connecting", "disconnecting"])
@pytest.mark.parametrize("there", [True, False])
def test_an_interrupted_endpoint_may_be_in_the_kernel_or_not(
    left: Stack, state: str, *, there: bool
) -> None:
    def interrupted(text: str) -> str:
        record = {**json.loads(text), "state": state}
        if state == "connecting":  # there are none on record before its end
            record["addresses"] = []
        return json.dumps(record)

    edit(left.folder / "mynet.db", "endpoints", interrupted)
    if not there:
        for container in ("c1", "c2"):
            left.kernel.delete_link(host_end(left, container))
    assert findings(left) == []


@pytest.mark.parametrize("state", ["creating", "deleting"])
def test_an_interrupted_network_may_be_in_the_kernel_or_not(left: Stack, state: str) -> None:
    edit(
        left.folder / "mynet.db",
        "endpoints",
        lambda text: text.replace('"ready"', '"disconnecting"'),
    )
    edit(left.folder / "mynet.db", "networks", lambda text: text.replace('"ready"', f'"{state}"'))
    assert findings(left) == []
    left.kernel.delete_link("br-web")
    assert findings(left) == []
    left.kernel.firewall.load(INSTANCE, [])
    assert findings(left) == []


def test_an_endpoint_without_a_sandbox_is_left_to_its_caller(folder: Path) -> None:
    stack = Stack(folder)
    stack.network("web")
    stack.connect("c1")
    stack.close()
    stack.kernel.delete_link(host_end(stack, "c1"))
    (found,) = findings(stack)
    assert found.endswith("connect it again: its interface belongs to its caller.")


def test_a_missing_driver_prevents_the_comparison_of_its_networks_alone(left: Stack) -> None:
    edit(left.folder / "mynet.db", "networks", lambda text: text.replace('"bridge"', '"other"'))
    found = look(left)
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith("the kernel was not compared by driver other: there is no")
    broken: CatalogEntry[Driver] = CatalogEntry(
        "other", "x", "1", error="RuntimeError: the rope is torn"
    )
    found = look(left, broken)
    assert found.remarks == [
        (
            "the kernel was not compared by driver other: driver other was refused at start:"
            " RuntimeError: the rope is torn"
        )
    ]
    assert found.findings == []


def test_a_refused_driver_without_networks_is_not_a_remark(left: Stack) -> None:
    broken: CatalogEntry[Driver] = CatalogEntry(
        "other", "x", "1", error="RuntimeError: the rope is torn"
    )
    found = look(left, broken, list_driver(left.driver()))
    assert (found.findings, found.remarks) == ([], [])


def test_a_hung_driver_is_waited_for_once(left: Stack) -> None:
    over = Event()
    left.kernel.delete_link("br-web")
    try:
        found = look(left, list_driver(Hanging(left, over)))
    finally:
        over.set()
    assert found.remarks == [
        "the kernel was not compared in full by driver bridge: it did not answer check within 0.2 s"
    ]
    assert [finding.split(":")[1] for finding in found.findings] == [" network web"]


@pytest.mark.parametrize(
    "verb",
    [
        "sandboxes.locate",
        "links.inspect",
        "links.list_marked",
        "firewall.unexpected",
        "links.inspect_bridge",
    ],
)
def test_an_error_of_a_driver_is_a_remark(left: Stack, verb: str) -> None:
    left.kernel.control.fail(verb, PrivilegeMissing("mynetd may not look"), times=9)
    found = look(left)
    assert found.findings == []
    (remark,) = found.remarks
    assert remark.startswith("the kernel was not compared ")
    assert remark.endswith(": mynetd may not look")


INSPECTING = {  # the verbs of the kernel that change nothing
    "firewall.is_intact",
    "firewall.missing",
    "firewall.missing_forwards",
    "firewall.missing_guard",
    "firewall.outdated",
    "firewall.unexpected",
    "host.forwarded_versions",
    "host.ip_versions",
    "host.reply_bridges",
    "host.route_sources",
    "links.inspect",
    "links.inspect_bridge",
    "links.is_loopback_open",
    "links.is_taken",
    "links.list_marked",
    "links.survey",
    "sandboxes.locate",
}


def test_fsck_calls_verbs_that_change_nothing(left: Stack) -> None:
    before, calls = left.kernel.list_links(), dict(left.kernel.control.calls)
    assert look(left).findings == []
    asked = {
        verb for verb, count in left.kernel.control.calls.items() if count > calls.get(verb, 0)
    }
    assert asked == INSPECTING
    assert left.kernel.list_links() == before


# --- where the kernel is not compared at all ---------------------------------------------------

Whole = Callable[[Path], Comparison]


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Whole:
    """Compare as the command does, in the boot and namespace of the state origin."""
    monkeypatch.setattr(kernel, "why_elsewhere", lambda _: "")
    return lambda state: kernel.compare_kernel(state, examine(state), PATIENCE)


def test_an_unreadable_database_is_not_compared(left: Stack, whole: Whole) -> None:
    (left.folder / "mynet.db").write_bytes(b"noise" * 99)
    found = whole(left.folder)
    assert found.remarks == ["the kernel was not compared: the databases cannot be read"]
    assert found.findings == []


def test_drivers_get_a_copy_of_their_files(
    left: Stack, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = left.folder / "drivers" / "bridge"
    kept.mkdir(parents=True)
    (kept / "notes").write_text("a note")
    seen: list[tuple[Path, str]] = []

    def load(_kind: object, instance: str, folder: Path, patience: float) -> Catalog[Driver]:
        assert (instance, patience) == (INSTANCE, PATIENCE)
        seen.append((folder, (folder / "bridge" / "notes").read_text()))
        (folder / "bridge" / "notes").write_text("scribbled over")
        return Catalog(DRIVERS, [])

    monkeypatch.setattr(kernel, "load_plugins", load)
    whole(left.folder)
    assert [note for _, note in seen] == ["a note"]
    assert (kept / "notes").read_text() == "a note"
    assert not seen[0][0].exists()
