"""Options of mynetd, their sources and its exit statuses, in a real process."""

import pytest

from mynet.v1.network_pb2 import ListNetworksRequest
from tests.e2e.support.daemon import EXECUTED, Daemon, create, eventually, turned_away
from tests.e2e.support.testbed import Testbed

USAGE, REFUSED = 2, 1


def test_flags_go_before_the_environment_and_that_before_the_file(empty_testbed: Testbed) -> None:
    config = empty_testbed.root / "run" / "mynet.toml"
    config.write_text(
        'listen = ["unix:///run/file.sock"]\n'
        'state_dir = "/run/file"\n'
        'log_format = "text"\n'
        "plugin_timeout = 7.5\n"
    )
    daemon = Daemon(
        empty_testbed,
        *("--config", "/run/mynet.toml", "--log-format", "json"),
        socket="run/file.sock",
        program=EXECUTED,
        MYNET_STATE_DIR="/run/environment",
        MYNET_LOG_FORMAT="text",
    )
    assert (empty_testbed.root / "run/environment/mynet.db").exists()
    assert not (empty_testbed.root / "run/file").exists()
    # The line follows the moment from which on the daemon serves.
    eventually(lambda: [event for event in daemon.events() if event["event"] == "serving"])
    (serving,) = [event for event in daemon.events() if event["event"] == "serving"]
    assert serving["listen"] == ["unix:///run/file.sock"]


def test_a_daemon_serves_on_every_address_it_was_given(empty_testbed: Testbed) -> None:
    Daemon(
        empty_testbed,
        "--insecure",
        socket="run/a.sock",
        MYNET_LISTEN="unix:///run/a.sock unix:///run/b.sock 127.0.0.1:5050 [::1]:5050",
    )
    for address in ("unix:///run/a.sock", "unix:///run/b.sock", "127.0.0.1:5050", "[::1]:5050"):
        empty_testbed.run("mynetctl", "--address", address, "network", "ls")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--colour"], "No such option"),
        (["--listen", "127.0.0.1:5050"], "add --insecure to accept that"),
        (["--listen", "unix://run/mynetd.sock"], "unix:///run/mynet/mynetd.sock"),
        (["--listen", "nowhere"], "neither unix:///PATH nor HOST:PORT"),
        (["--plugin-timeout", "never"], "not a valid float"),
        (["--log-format", "xml"], "'text', 'json'"),
        (["--config", "/run/none.toml"], "/run/none.toml cannot be read"),
        (
            ["--config", "/run/unknown.toml"],
            "unknown keys color; known are audit_log, backup_dir, default_address_pool",
        ),
        (["--config", "/run/wrong.toml"], "/run/wrong.toml cannot be read"),
        (["--state-dir", "/run/unknown.toml"], "is a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_exit_status_2(testbed: Testbed, options: list[str], words: str) -> None:
    (testbed.root / "run" / "unknown.toml").write_text('color = "red"')
    (testbed.root / "run" / "wrong.toml").write_text("state_dir = ")
    status, said = turned_away(testbed, *options)
    assert status == USAGE
    assert words in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--state-dir", "/proc/mynet"], "/proc/mynet cannot be used"),
        (["--listen", "unix:///proc/mynetd.sock"], "cannot create the socket /proc/mynetd.sock"),
        (["--listen", "192.0.2.1:5050", "--insecure"], "cannot listen on 192.0.2.1:5050"),
        (["--listen", f"unix:///run/{'a' * 120}.sock"], "AF_UNIX path too long"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_start_that_is_refused_is_exit_status_1(
    testbed: Testbed, options: list[str], words: str
) -> None:
    status, said = turned_away(testbed, *options)
    assert status == REFUSED
    assert words in said
    assert "Traceback" not in said


def test_a_tcp_port_that_a_program_shares_by_so_reuseport_is_refused(
    testbed: Testbed,
) -> None:
    with testbed.listen("127.0.0.1", 5050):
        status, said = turned_away(testbed, "--listen", "127.0.0.1:5050", "--insecure")
    assert status == REFUSED
    assert "cannot listen on 127.0.0.1:5050" in said


def test_every_call_is_logged_with_an_id_of_its_own(empty_testbed: Testbed) -> None:
    daemon = Daemon(empty_testbed, "--log-format", "json")
    before = len(daemon.events())
    daemon.net.CreateNetwork(create(), metadata=(("x-request-id", "maker"),))
    _, call = daemon.net.ListNetworks.with_call(ListNetworksRequest())
    given = dict(call.initial_metadata() or ())["x-request-id"]

    events = daemon.events()[before:]
    calls = [event for event in events if event["event"] == "call"]
    assert [(call["request_id"], call["method"], call["code"]) for call in calls] == [
        ("maker", "NetworkService/CreateNetwork", "OK"),
        (given, "NetworkService/ListNetworks", "OK"),
    ]
    # What a driver logs on the way belongs to the call, too.
    forwarding = [event for event in events if "turned on IP forwarding" in event["event"]]
    assert [event["request_id"] for event in forwarding] == ["maker", "maker"]
