"""mynetd fsck on a real kernel names each damage.

It compares the kernel with the records of a state directory that belongs to this host and network
namespace. For any other it prints in one line why it does not.
"""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mynet.v1.network_pb2 import Endpoint, PortMapping
from tests.e2e.support.daemon import STATE, Daemon, eventually
from tests.e2e.support.testbed import Sandbox, Testbed
from tests.support.matrix import matrix

HERE = Path(__file__).parents[1]
BOOT_ID = "/proc/sys/kernel/random/boot_id"
ORDER = "/var/lib/mynet is in order: 1 networks, 2 endpoints, 2 subnets."
MENDS = "The next start repairs it."
NOT = "the kernel was not compared"


@pytest.fixture
def ended(empty_testbed: Testbed) -> tuple[Testbed, Endpoint]:
    """A testbed whose daemon has ended, and an endpoint of network blue that has ports."""
    for name in ("one", "two"):
        Sandbox(empty_testbed, name)
    daemon = Daemon(empty_testbed)
    daemon.create("blue")
    daemon.connect("two")
    ports = [
        PortMapping(host_port=8080, container_port=80),
        PortMapping(host_port=9000, container_port=9000, count=10),
    ]
    endpoint = daemon.connect("one", ports=ports)
    daemon.stop()
    return empty_testbed, endpoint


def fsck(testbed: Testbed, *words: str) -> "subprocess.CompletedProcess[str]":
    return testbed.attempt("mynetd", *words, "fsck")


def require_mended(testbed: Testbed) -> None:
    """Start a daemon, and require that fsck finds nothing afterwards."""
    Daemon(testbed).stop()
    assert testbed.findings() == []


def test_without_damage_fsck_prints_that_the_kernel_agrees(ended: tuple[Testbed, Endpoint]) -> None:
    testbed, _ = ended
    before, state = testbed.state(), testbed.root / STATE
    files = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
    done = fsck(testbed)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ORDER} The kernel agrees.\n", "")
    done = testbed.attempt("mynetd", "fsck", "--books")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ORDER}\n", "")
    assert testbed.state() == before
    assert {path: path.stat().st_mtime_ns for path in state.rglob("*")} == files


# Commands that damage the kernel, and what fsck prints.
DAMAGES = [
    (
        "ip link del {veth}",
        (
            "endpoint {id} of container one: The host's interface {veth} is not there. The"
            " interface eth0 is not in the sandbox."
        ),
    ),
    (
        "ip -n one addr del 10.88.0.3/24 dev eth0",
        (
            "endpoint {id} of container one: eth0 lacks the address 10.88.0.3/24. eth0 lacks"
            " the default route via 10.88.0.1 with metric {metric}."
        ),
    ),
    ("ip link del br-blue", "network blue: The bridge br-blue is not there."),
    (
        "ip addr del 10.88.0.1/24 dev br-blue",
        "network blue: br-blue lacks the address 10.88.0.1/24.",
    ),
    (
        "sysctl -qw net.ipv4.ip_forward=0",
        (
            "network blue: br-blue does not forward IPv4 (net.ipv4.conf.br-blue.forwarding is 0)."
            " The host does not forward IPv4 (net.ipv4.ip_forward is 0)."
        ),
    ),
    (
        "nft delete element inet mynet pub4 { tcp . 8080 }",
        (
            "endpoint {id} of container one: The firewall does not lead TCP port 8080 to"
            " 10.88.0.3:80."
        ),
    ),
    (
        "nft add element inet mynet pub4 { tcp . 22 : 10.88.0.3 . 22 }",
        (
            "The firewall has tcp . 22 : 10.88.0.3 . 22 in the map pub4, which nothing on"
            " record asks for."
        ),
    ),
    (
        'nft add element inet mynet br_all { "br-red" }',
        'The firewall has "br-red" in the set br_all, which nothing on record asks for.',
    ),
    (
        'nft delete element inet mynet br_all { "br-blue" }',
        'The firewall lacks "br-blue" in the set br_all.',
    ),
    (
        "nft flush table inet mynet",
        "The firewall's rules are not those that this mynetd loads.",
    ),
    ("nft flush ruleset", "The firewall's table inet mynet is not there."),
]


@pytest.mark.parametrize(("damage", "wanted"), matrix(DAMAGES, short=2))
def test_each_damage_in_the_kernel_is_named_and_the_next_start_repairs_it(
    ended: tuple[Testbed, Endpoint], damage: str, wanted: str
) -> None:
    testbed, endpoint = ended
    (route,) = testbed.json("ip", "-n", "one", "-j", "route", "show", "default")
    known = {
        "{veth}": endpoint.host_interface,
        "{id}": endpoint.id[:12],
        "{metric}": str(route["metric"]),
    }
    for word, value in known.items():
        damage, wanted = damage.replace(word, value), wanted.replace(word, value)
    testbed.run(*damage.split(maxsplit=1 if damage.startswith("nft") else -1))
    done = fsck(testbed)
    assert (done.returncode, done.stderr) == (1, "")
    found = done.stdout.splitlines()
    assert f"kernel: {wanted} {MENDS}" in found
    assert len(found) == 1 or damage in ("nft flush ruleset", "ip link del br-blue")
    assert testbed.attempt("mynetd", "fsck", "--books").returncode == 0
    require_mended(testbed)


def test_a_link_with_mynet_s_mark_and_no_record_is_named(ended: tuple[Testbed, Endpoint]) -> None:
    testbed, endpoint = ended
    (link,) = testbed.json("ip", "-j", "link", "show", endpoint.host_interface)
    instance = link["ifalias"].split(":")[1]
    testbed.run("ip", "link", "add", "veth-lost", "type", "veth", "peer", "name", "lost")
    testbed.run("ip", "link", "set", "veth-lost", "alias", f"mynet:{instance}:feedfacefeedface")
    assert testbed.findings() == [
        (
            "kernel: interface veth-lost carries the mark of feedfacefeed, which is not on"
            " record. If nothing needs it, delete it (ip link delete)."
        )
    ]
    testbed.run("ip", "link", "delete", "veth-lost")
    require_mended(testbed)


def test_a_sandbox_that_is_gone_is_named_and_one_that_is_elsewhere_is_not(
    ended: tuple[Testbed, Endpoint],
) -> None:
    testbed, _ = ended
    testbed.run("sh", "-c", "touch /run/two && mount --bind /run/netns/two /run/two")
    for name in ("one", "two"):
        testbed.run("ip", "netns", "del", name)
    eventually(lambda: testbed.findings() != [])
    (found,) = testbed.findings()
    assert "of container one: Its sandbox, which was at /run/netns/one, is gone." in found
    require_mended(testbed)


# --- elsewhere ---------------------------------------------------------------------------------


def require_books_alone(done: "subprocess.CompletedProcess[str]", why: str) -> None:
    assert done.returncode == 0, done.stdout
    assert done.stderr.startswith(NOT)
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "is in order: 1 networks, 2 endpoints, 2 subnets." in done.stdout
    assert "The kernel agrees." not in done.stdout


def test_a_copy_is_not_compared(ended: tuple[Testbed, Endpoint]) -> None:
    testbed, _ = ended
    testbed.run("cp", "-a", "/var/lib/mynet", "/run/copy")
    testbed.run("ip", "link", "del", "br-blue")
    require_books_alone(
        fsck(testbed, "--state-dir", "/run/copy"), "this is a copy of the directory"
    )
    require_mended(testbed)


def test_a_backup_is_not_compared_and_neither_is_what_it_took_the_place_of(
    empty_testbed: Testbed, ended: tuple[Testbed, Endpoint]
) -> None:
    testbed, _ = ended
    daemon = Daemon(testbed)
    testbed.run("mynetctl", "backup", "/run/mynet.backup")
    daemon.disconnect("one")
    daemon.stop()
    testbed.run("mynetd", "restore", "/run/mynet.backup", "--move-aside")
    (aside,) = (testbed.root / "var/lib").glob("mynet.before-restore-*")
    for where in ("/var/lib/mynet", f"/var/lib/{aside.name}"):
        done = fsck(testbed, "--state-dir", where)
        assert (done.returncode, done.stderr.count("\n")) == (0, 1)
        assert "no start of mynetd has been completed in this directory" in done.stderr
    require_mended(testbed)


def test_another_network_namespace_is_not_compared(ended: tuple[Testbed, Endpoint]) -> None:
    testbed, _ = ended
    done = testbed.attempt("ip", "netns", "exec", "outside", "mynetd", "fsck")
    require_books_alone(done, "mynetd used this directory in another network namespace")


def test_after_a_reboot_nothing_is_compared(ended: tuple[Testbed, Endpoint]) -> None:
    testbed, _ = ended
    testbed.run("sh", "-c", f"echo another-boot >/run/boot && mount --bind /run/boot {BOOT_ID}")
    require_books_alone(fsck(testbed), "this host has booted since mynetd used this directory")
    testbed.run("umount", BOOT_ID)


def test_without_the_capability_fsck_names_it_and_compares_no_kernel(
    ended: tuple[Testbed, Endpoint],
) -> None:
    testbed, _ = ended
    done = testbed.attempt("setpriv", "--bounding-set=-all", "mynetd", "fsck")
    assert done.returncode == 0, done.stdout
    assert "is in order" in done.stdout
    assert "The kernel agrees." not in done.stdout
    for line in done.stderr.splitlines():
        assert line.startswith(NOT)
        assert "it lacks CAP_" in line


# --- plugins -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plugin(install: Callable[..., str]) -> str:
    return install(HERE / "plugins" / "faulty")


@pytest.fixture
def faulty_testbed(empty_testbed: Testbed, plugin: str) -> Testbed:
    """A testbed whose daemon has ended, with networks of the built-in and the faulty driver."""
    for name in ("one", "two"):
        Sandbox(empty_testbed, name)
    daemon = Daemon(empty_testbed, PYTHONPATH=plugin)
    daemon.create("blue")
    daemon.create("red", "10.77.0.0/24", driver="faulty")
    daemon.connect("one")
    daemon.connect("two", network="red")
    daemon.stop()
    assert empty_testbed.findings() == []
    return empty_testbed


def attempt(testbed: Testbed, *words: str) -> "subprocess.CompletedProcess[str]":
    return testbed.attempt("mynetd", *words, "fsck", **(testbed.settings or {}))


def not_compared(done: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith(NOT)]


@pytest.mark.parametrize("verb", ["check_network", "check", "orphans", "audit", "close"])
def test_a_driver_that_hangs_does_not_keep_fsck_from_the_others(
    faulty_testbed: Testbed, plugin: str, verb: str
) -> None:
    fault_file = faulty_testbed.root / STATE / "drivers" / "faulty" / f"hang-{verb}"
    fault_file.touch()
    faulty_testbed.run("ip", "link", "del", "br-blue")
    done = attempt(faulty_testbed, "--plugin-timeout", "1")
    assert done.returncode == 1  # for what the other driver finds
    assert f"kernel: network blue: The bridge br-blue is not there. {MENDS}" in done.stdout
    said = f"{NOT} in full by driver faulty: it did not answer {verb} within 1 s"
    assert not_compared(done) == ([said] if verb != "close" else [])
    fault_file.unlink()
    Daemon(faulty_testbed, PYTHONPATH=plugin).stop()


def test_a_driver_that_raises_is_named(faulty_testbed: Testbed) -> None:
    fault_file = faulty_testbed.root / STATE / "drivers" / "faulty" / "raise-check"
    fault_file.touch()
    done = attempt(faulty_testbed)
    fault_file.unlink()
    assert done.returncode == 0
    (remark,) = not_compared(done)
    assert (
        "by driver faulty: driver faulty broke in check: RuntimeError: the rope is torn" in remark
    )


def test_a_driver_that_is_not_installed_any_more_is_named(faulty_testbed: Testbed) -> None:
    done = fsck(faulty_testbed)
    assert done.returncode == 0
    (remark,) = not_compared(done)
    assert remark.startswith(
        "the kernel was not compared by driver faulty: there is no driver faulty"
    )


@pytest.mark.parametrize("group", ["drivers", "ipam"])
def test_a_plugin_that_hangs_while_it_is_loaded_does_not_keep_fsck(
    ended: tuple[Testbed, Endpoint], tmp_path: Path, group: str
) -> None:
    testbed, _ = ended
    (tmp_path / "sleepy.py").write_text("import time\ntime.sleep(3600)\n")
    info = tmp_path / "sleepy-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sleepy\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[mynet.{group}]\nsleepy = sleepy\n")
    words: Sequence[str] = ("mynetd", "--plugin-timeout", "2", "fsck")
    done = testbed.attempt(*words, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0
    assert (
        done.stderr
        == {
            "drivers": "",
            "ipam": "ipam/sleepy: backend sleepy did not check its databases within 2 s\n",
        }[group]
    )
    assert done.stdout.endswith(" The kernel agrees.\n")
