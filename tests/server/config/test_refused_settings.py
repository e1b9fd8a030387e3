"""Settings that are refused: the file, addresses and options, and what the refusal names."""

import pytest

from mynet.ipam.errors import StoreDamaged
from mynet.server import daemon
from mynet.server.config.settings import Settings
from mynet.server.errors import CannotStart
from mynet.server.model.callers import Listener
from tests.server.config.running import Run


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("state_dir = 3", "state_dir is a text, not 3"),
        ("state_dir = true", "state_dir is a text, not True"),
        ('state_dir = ["/a"]', "state_dir is a text, not ['/a']"),
        ("plugin_timeout = [3]", "plugin_timeout is a number, not [3]"),
        ("plugin_timeout = true", "plugin_timeout is a number, not True"),
        ('plugin_timeout = "3"', "plugin_timeout is a number, not '3'"),
        ("max_connections = 1.5", "max_connections is a whole number, not 1.5"),
        ("max_connections = true", "max_connections is a whole number, not True"),
        ("insecure = 1", "insecure is true or false, not 1"),
        ("listen = []", "listen is a list of texts, not []"),
        ('listen = "unix:///a.sock"', "listen is a list of texts, not 'unix:///a.sock'"),
        ("listen = [1]", "listen is a list of texts, not [1]"),
        ("log_level = 1979-05-27", "log_level is a text, not datetime.date(1979, 5, 27)"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_file_s_name(
    run: Run, started: list[Settings], line: str, wanted: str
) -> None:
    done = run(file=line)
    assert done.exit_code == 2
    assert wanted in " ".join(done.output.split())
    assert "mynet.toml" in done.output
    assert started == []


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ('colour = "red"', "unknown keys colour"),
        ('state-dir = "/a"', "known are audit_log, backup_dir, default_address_pool"),
        ('config = "/a"', "unknown keys config"),
        ("version = true", "unknown keys version"),
        ("help = true", "unknown keys help"),
        ('[log]\nformat = "json"', "unknown keys log"),
        ("state_dir =", "cannot be read as TOML: Invalid value"),
        ('log_level = "loud"', "loud"),
        ('plugin_timeout = "soon"', "soon"),
        ("plugin_timeout = 0", "plugin-timeout"),
        ('listen = "unix:///a.sock"', "listen"),
        ('listen = ["a"]', "neither unix:///PATH nor HOST:PORT"),
    ],
)
def test_an_invalid_file_is_refused(
    run: Run, started: list[Settings], file: str, named: str
) -> None:
    result = run(file=file)
    assert result.exit_code == 2
    assert named in result.output
    assert started == []


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/no/such/file", "/no/such/file cannot be read: No such file or directory\n"),
        ("/", "'/' is a directory"),
    ],
)
def test_a_missing_file_is_refused(run: Run, started: list[Settings], path: str, told: str) -> None:
    result = run("--config", path)
    assert result.exit_code == 2
    assert told in result.output
    assert started == []


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("unix://a.sock", "write it as unix:///"),
        ("unix:a.sock", "neither"),
        ("/run/a.sock", "neither"),
        ("localhost", "neither"),
        (":50051", "neither"),
        ("tcp://127.0.0.1:50051", "neither"),
        ("localhost:", "neither"),
        ("localhost:http", "neither"),
        ("", "neither"),
        ("unix:///a.sock,mode=0999", "0999 is not a mode"),
        ("unix:///a.sock,mode=01777", "is not a mode"),
        ("unix:///a.sock,group=no-such-group", "no group no-such-group"),
        ("unix:///a.sock,owner=me", "only group=NAME and mode=0660"),
    ],
)
def test_an_invalid_address_is_refused(
    run: Run, started: list[Settings], address: str, named: str
) -> None:
    result = run("--insecure", "--listen", address)
    assert result.exit_code == 2
    assert named in result.output
    assert started == []


@pytest.mark.parametrize("address", ["127.0.0.1:50051", "[::1]:50051", "localhost:1"])
def test_tcp_is_refused_without_insecure(run: Run, started: list[Settings], address: str) -> None:
    result = run("--listen", address)
    assert result.exit_code == 2
    assert "--insecure" in result.output
    assert started == []
    assert run("--insecure", "--listen", address).exit_code == 0
    assert started[0].listen == (Listener(address),)


@pytest.mark.parametrize(
    "arguments",
    [
        *(("--colour", "red"), ("serve",), ("--log-level", "loud"), ("--plugin-timeout", "0")),
        *(("--default-cooldown", "-1"), ("--default-retention", "-0.1")),
        *(("--default-cooldown", "soon"), ("--default-cooldown", "nan")),
        *(("--default-retention", "inf"), ("--default-retention", "1e9")),
        *(("--max-connections", "0"), ("--max-request-bytes", "1")),
        *(("--max-connection-idle", "nan"), ("--max-connection-age", "1e9")),
        *(("--plugin-timeout", "nan"), ("--shutdown-grace", "inf")),
    ],
)
def test_wrong_usage_exits_with_2(
    run: Run, started: list[Settings], arguments: tuple[str, ...]
) -> None:
    assert run(*arguments).exit_code == 2
    assert started == []


@pytest.mark.parametrize(
    "error", [CannotStart("another mynetd (pid 7) has it"), StoreDamaged("mynet.db is broken")]
)
def test_a_daemon_that_refuses_to_start_exits_with_1_and_the_reason(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(_: Settings) -> None:
        raise error

    monkeypatch.setattr(daemon, "run", refuse)
    result = run()
    assert result.exit_code == 1
    assert result.output == f"Error: {error}\n"
