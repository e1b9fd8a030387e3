"""mynetd fsck: the books against each other, and the command itself."""

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
import structlog
from click.testing import CliRunner, Result

from mynet.ipam import hookspecs
from mynet.ipam.api import Audit
from mynet.ipam.sqlite.checksums import add_crc32
from mynet.server.main import main
from mynet.server.offline.fsck import backends, examine
from mynet.server.state.directory import lock_state_dir
from tests.server.support.stack import BOOK, Stack


@pytest.fixture
def state(folder: Path) -> Path:
    """The state of a daemon with a network of two endpoints, and another's address."""
    state = folder / "state"
    stack = Stack(state)
    stack.network("web", "10.1.0.0/24", "fd00:1::/64")
    stack.connect("c1", network="web")
    stack.connect("c2", network="web")
    stack.allocate("10.9.0.0/24", owner="vm-7")
    stack.close()
    return state


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        add_crc32(connection)
        connection.executescript(script)


def edit(path: Path, table: str, edited: Callable[[str], str]) -> None:
    """Edit the documents of a table."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        add_crc32(connection)
        connection.create_function("edited", 1, edited)
        connection.execute(f"UPDATE {table} SET document = edited(document)")  # noqa: S608


def shortened(findings: Sequence[str], state: Path) -> list[str]:
    """Write names in place of ids."""
    with closing(sqlite3.connect(state / "mynet.db")) as book:
        named = book.execute("SELECT id, container_id FROM endpoints").fetchall()
        named += book.execute("SELECT id, name FROM networks").fetchall()
    found = list(findings)
    for number, name in named:
        found = [each.replace(number, name).replace(number[:12], name) for each in found]
    return found


def test_a_state_in_order(state: Path) -> None:
    report = examine(state)
    assert (report.findings, report.remarks, report.whole) == ([], [], True)
    assert report.records.counts() == "1 networks, 2 endpoints, 3 subnets"


C1 = "endpoint c1 of container c1"


@pytest.mark.parametrize(
    ("file", "script", "wanted"),
    [
        (
            BOOK,
            "UPDATE allocations SET owner = 'vm-8' WHERE hex(address) LIKE '%0A010002'",
            [f"{C1} is ready with 10.1.0.2, which is not allocated to it"],
        ),
        (
            BOOK,
            (
                "UPDATE allocations SET owner = 'vm-8' WHERE owner LIKE 'network:%'"
                " AND hex(address) LIKE '%0A010001'"
            ),
            ["network web has gateway 10.1.0.1, which is not allocated to it"],
        ),
        (
            BOOK,
            (
                "UPDATE allocations SET owner = (SELECT owner FROM allocations WHERE owner LIKE"
                " 'endpoint:%' AND hex(address) LIKE '%0A010002') WHERE owner = 'vm-7'"
            ),
            [f"10.9.0.1 is allocated to {C1}, whose record does not list it"],
        ),
        (
            BOOK,
            (
                "UPDATE allocations SET owner = (SELECT owner FROM allocations WHERE owner LIKE"
                " 'network:%') WHERE owner = 'vm-7'"
            ),
            ["10.9.0.1 is allocated to network web, whose record does not list it as a gateway"],
        ),
        (
            BOOK,
            "UPDATE allocations SET owner = 'endpoint:feedfacefeedface' WHERE owner = 'vm-7'",
            ["backend bitmap has 10.9.0.1 for endpoint feedfacefeed, which is not on record"],
        ),
        (
            BOOK,
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
def test_each_contradiction_between_books_is_found(
    state: Path, file: str, script: str, wanted: Sequence[str]
) -> None:
    change(state / file, script)
    report = examine(state)
    found = shortened(report.findings, state)
    for each in wanted:
        assert any(one.startswith(each) for one in found), found
    if "networks" not in wanted[0]:
        assert len(found) == len(wanted), found
    assert report.whole


def test_an_address_of_two_endpoints_is_found(state: Path) -> None:
    edit(state / "mynet.db", "endpoints", lambda text: text.replace("10.1.0.3", "10.1.0.2"))
    found = shortened(examine(state).findings, state)
    assert (
        "10.1.0.2 is an address of endpoint c1 of container c1 and of endpoint c2 of container c2"
        in found
    )


@pytest.mark.parametrize("word", ["connecting", "disconnecting"])
def test_what_is_half_done_may_have_addresses_or_not(state: Path, word: str) -> None:
    text = f'"state":"{word}"'
    edit(state / "mynet.db", "endpoints", lambda one: one.replace('"state":"ready"', text))
    assert examine(state).findings == []
    intents = "DELETE FROM allocations WHERE owner LIKE 'endpoint:%' AND subnet = 2"
    change(state / BOOK, intents)
    assert all(each.startswith("ipam/bitmap: ") for each in examine(state).findings)


def test_a_record_that_cannot_be_read_does_not_hide_the_others(state: Path) -> None:
    edit(
        *(state / "mynet.db", "endpoints"),
        lambda text: text.replace('"mtu"', '"mut"') if '"c1"' in text else text,
    )
    change(state / BOOK, "UPDATE allocations SET owner = 'x' WHERE hex(address) LIKE '%0A010003'")
    report = examine(state)
    assert not report.whole
    found = shortened(report.findings, state)
    assert found[0].startswith("mynet.db: endpoint c1 cannot be read: ")
    assert found[1:] == [
        "endpoint c2 of container c2 is ready with 10.1.0.3, which is not allocated to it"
    ]


def test_what_a_record_that_cannot_be_read_may_have_is_not_missed(state: Path) -> None:
    edit(state / "mynet.db", "networks", lambda text: text.replace('"mtu"', '"mut"'))
    found = shortened(examine(state).findings, state)
    assert len(found) == 1
    assert found[0].startswith("mynet.db: network web cannot be read: ")


def test_a_record_of_somebody_else_is_found(state: Path) -> None:
    change(state / "mynet.db", "UPDATE endpoints SET id = 'f00' WHERE container_id = 'c1'")
    assert any("the record of f00 says that it is of" in each for each in examine(state).findings)


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        (None, "mynet.json: is missing, so this is not a state directory of mynetd"),
        ("{", "mynet.json: cannot be read: "),
        ('{"format": 2}', "was written by a newer mynetd"),
        ('{"format": 1, "instance": "1", "files": ["a.db"]}', "a.db: is missing"),
    ],
)
def test_a_marker_that_does_not_fit_is_found(state: Path, marker: str | None, said: str) -> None:
    path = state / "mynet.json"
    path.unlink() if marker is None else path.write_text(marker)
    report = examine(state)
    assert len(report.findings) == 1
    assert said in report.findings[0]
    assert not report.whole


def test_what_other_plugins_keep_is_checked_as_databases(state: Path) -> None:
    for name in ("ipam/other", "drivers/other"):
        (state / name).mkdir(parents=True)
        change(state / name / "things.db", "CREATE TABLE things (name)")
    report = examine(state)
    said = "checked as a database only: its plugin does not say what is in it"
    where = ["ipam/other/things.db", "drivers/other/things.db"]
    assert (report.findings, sorted(report.remarks)) == (
        [],
        sorted(f"{each}: {said}" for each in where),
    )
    for each in where:
        (state / each).write_bytes(b"noise" * 999)
    assert sorted(examine(state).findings) == sorted(
        f"{each}: is not an SQLite database" for each in where
    )


class Plugin:
    """A backend's module, with a hook that gives this answer."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def mynet_ipam_audit(self) -> object:
        return self._answer

    hookspecs.hookimpl(mynet_ipam_audit)


class Door:
    """The entry point of a backend that answers so, or cannot be imported for that reason."""

    name = "bitmap"

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def load(self) -> object:
        if isinstance(self._answer, BaseException):
            raise self._answer
        is_plugin = hasattr(self._answer, "mynet_ipam_audit")
        return self._answer if is_plugin else Plugin(self._answer)


Put = Callable[[object], None]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Put:
    def put(answer: object) -> None:
        monkeypatch.setattr(backends, "entry_points", lambda **_: [Door(answer)])

    return put


@pytest.mark.parametrize("answer", [SystemExit(3), ImportError("no rope"), "in order", 7])
def test_a_backend_that_breaks_is_told_of_and_its_databases_are_checked(
    state: Path, door: Put, answer: object
) -> None:
    door(answer)
    report = examine(state)
    assert report.findings == []
    assert any("backend bitmap could not check its books" in each for each in report.remarks)
    assert any(each.startswith(f"{BOOK}: checked as a database only") for each in report.remarks)
    (state / BOOK).write_bytes(b"noise" * 999)
    assert examine(state).findings == [f"{BOOK}: is not an SQLite database"]


def test_a_backend_that_hangs_is_told_of(state: Path, door: Put) -> None:
    over = Event()

    class Slow:
        def mynet_ipam_audit(self) -> object:
            return over.wait(10)

        hookspecs.hookimpl(mynet_ipam_audit)

    door(Slow())
    report = examine(state, 0.1)
    over.set()
    assert report.findings == []
    assert "ipam/bitmap: backend bitmap did not check its books within 0.1 s" in report.remarks


def test_what_a_backend_says_of_its_books_counts(state: Path, door: Put) -> None:
    door(Audit(["has a hole"], complete=False))
    report = examine(state)
    assert report.findings == ["ipam/bitmap: has a hole"]  # and what it lacks may be in there
    assert not report.whole
    door(Audit())
    assert len(examine(state).findings) == 6  # every address of an endpoint or network is missing


# --- the command ------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """Leave the logging of this process as it was: the command sets up its own."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    yield
    structlog.configure(**before)
    root.handlers = handlers
    root.setLevel(level)


def fsck(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], prog_name="mynetd")


def test_in_order_is_0(state: Path) -> None:
    done = fsck("fsck", "--state-dir", state)
    assert done.exit_code == 0
    assert done.stdout == f"{state} is in order: 1 networks, 2 endpoints, 3 subnets.\n"
    assert done.stderr.startswith("the kernel was not compared: no start of mynetd has been")


def test_the_books_alone_are_not_compared_with_the_kernel_and_nothing_is_said_of_it(
    state: Path,
) -> None:
    done = fsck("fsck", "--state-dir", state, "--books")
    assert done.exit_code == 0
    assert done.output == f"{state} is in order: 1 networks, 2 endpoints, 3 subnets.\n"


def test_findings_are_1_and_a_line_each(state: Path) -> None:
    change(state / BOOK, "UPDATE subnets SET allocated = 7")
    done = fsck("--state-dir", state, "fsck")
    assert done.exit_code == 1
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == ["ipam/bitmap"] * 3


def test_what_cannot_be_checked_is_2(state: Path) -> None:
    missing = fsck("fsck", "--state-dir", state / "nowhere")
    assert missing.exit_code == 2
    assert "there is no directory" in missing.output
    with lock_state_dir(state):
        busy = fsck("fsck", "--state-dir", state)
    assert busy.exit_code == 2
    assert "in use by another mynetd" in busy.output
    assert fsck("fsck", "--colour").exit_code == 2


def test_it_changes_nothing(state: Path) -> None:
    before = {path: path.stat() for path in state.rglob("*") if path.is_file()}
    assert fsck("fsck", "--state-dir", state).exit_code == 0
    after = {path: path.stat() for path in state.rglob("*") if path.is_file()}
    kept = ("st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
    assert [[getattr(each, name) for name in kept] for each in after.values()] == [
        [getattr(each, name) for name in kept] for each in before.values()
    ]
    assert before.keys() == after.keys()


def test_the_state_directory_is_mynetd_s_own_setting(
    state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MYNET_STATE_DIR", str(state))
    assert fsck("fsck").exit_code == 0
    monkeypatch.delenv("MYNET_STATE_DIR")
    (tmp_path / "mynet.toml").write_text(f"state_dir = '{state}'")
    assert fsck("--config", tmp_path / "mynet.toml", "fsck").exit_code == 0
