"""The daemon's settings: flag before environment before file, and refused values."""

import contextlib
from collections.abc import Callable
from dataclasses import Field, fields, replace
from importlib.metadata import version
from ipaddress import ip_network
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mynet.ipam.errors import StoreDamaged
from mynet.server import daemon, main
from mynet.server.config import Settings
from mynet.server.errors import CannotStart
from mynet.server.model.callers import Listener, Role
from mynet.server.model.limits import Limits
from mynet.server.model.subnets import AddressPool

DEFAULTS = Settings(
    *((Listener("unix:///run/mynet/mynetd.sock"),), Path("/var/lib/mynet"), 30, 10),
    pools=(),
    cooldown=30,
    retention=86400,
)
Run = Callable[..., Result]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that the daemon was started with; it is not started."""
    found: list[Settings] = []

    def run(settings: Settings) -> bool:
        found.append(settings)
        return True

    monkeypatch.setattr(daemon, "run", run)
    return found


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def configured(*settings: str) -> contextlib.AbstractContextManager[None]:
        found.append(settings)  # type: ignore[arg-type]
        return contextlib.nullcontext()

    monkeypatch.setattr(main, "configured", configured)
    return found


@pytest.fixture
def run(started: list[Settings], logs: list[tuple[str, str]], tmp_path: Path) -> Run:
    def run(*arguments: str, file: str = "", **environment: str) -> Result:
        if file:
            (tmp_path / "mynet.toml").write_text(file)
            arguments = ("--config", str(tmp_path / "mynet.toml"), *arguments)
        env = {f"MYNET_{name}": value for name, value in environment.items()}
        return CliRunner().invoke(main.main, arguments, env=env, prog_name="mynetd")

    return run


def test_without_settings_the_defaults_hold(
    run: Run, started: list[Settings], logs: list[tuple[str, str]]
) -> None:
    assert run().exit_code == 0
    assert started == [DEFAULTS]
    assert logs == [("text", "info")]


EVERY = """
listen = ["unix:///a.sock", "127.0.0.1:1"]
listen_operator = ["unix:///o.sock,mode=0600"]
listen_reader = ["unix:///r.sock,group=7"]
insecure = true
state_dir = "/a"
backup_dir = "/b"
plugin_timeout = 1.5
shutdown_grace = 0
default_address_pool = ["base=10.64.0.0/10,size=26", "size=80,base=fd00::/48"]
default_cooldown = 0
default_retention = 0.5
no_heal = true
log_format = "json"
log_level = "debug"
"""
POOLS = (
    AddressPool(ip_network("10.64.0.0/10"), 26),
    AddressPool(ip_network("fd00::/48"), 80),
)
ALL_SET = Settings(
    (
        Listener("unix:///a.sock"),
        Listener("127.0.0.1:1"),
        Listener("unix:///o.sock", Role.OPERATOR, mode=0o600),
        Listener("unix:///r.sock", Role.READER, group=7),
    ),
    *(Path("/a"), 1.5, 0, POOLS, 0, 0.5),
    heal=False,
    backup_dir=Path("/b"),
)


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


def test_every_setting_is_a_key_of_the_file(
    run: Run, started: list[Settings], logs: list[tuple[str, str]]
) -> None:
    assert run(file=EVERY).exit_code == 0
    assert (started, logs) == ([ALL_SET], [("json", "debug")])


def test_every_setting_is_a_variable(
    run: Run, started: list[Settings], logs: list[tuple[str, str]]
) -> None:
    result = run(
        LISTEN="unix:///a.sock 127.0.0.1:1",
        LISTEN_OPERATOR="unix:///o.sock,mode=0600",
        LISTEN_READER="unix:///r.sock,group=7",
        BACKUP_DIR="/b",
        INSECURE="1",
        STATE_DIR="/a",
        PLUGIN_TIMEOUT="1.5",
        SHUTDOWN_GRACE="0",
        DEFAULT_ADDRESS_POOL="base=10.64.0.0/10,size=26 size=80,base=fd00::/48",
        DEFAULT_COOLDOWN="0",
        DEFAULT_RETENTION="0.5",
        NO_HEAL="1",
        LOG_FORMAT="json",
        LOG_LEVEL="debug",
    )
    assert result.exit_code == 0
    assert (started, logs) == ([ALL_SET], [("json", "debug")])


def test_every_setting_is_a_flag(
    run: Run, started: list[Settings], logs: list[tuple[str, str]]
) -> None:
    listen = ["--listen", "unix:///a.sock", "--listen", "127.0.0.1:1", "--insecure"]
    listen += ["--listen-operator", "unix:///o.sock,mode=0600"]
    listen += ["--listen-reader", "unix:///r.sock,group=7"]
    times = ("--plugin-timeout", "1.5", "--shutdown-grace", "0")
    others = (
        "--state-dir",
        "/a",
        "--backup-dir",
        "/b",
        "--log-format",
        "json",
        "--log-level",
        "debug",
    )
    pools = ("base=10.64.0.0/10,size=26", "size=80,base=fd00::/48")
    addressing = [f"--default-address-pool={pool}" for pool in pools]
    addressing += ["--default-cooldown=0", "--default-retention=0.5", "--no-heal"]
    assert run(*listen, *times, *others, *addressing).exit_code == 0
    assert (started, logs) == ([ALL_SET], [("json", "debug")])


@pytest.mark.parametrize("limit", fields(Limits), ids=lambda limit: limit.name)
def test_every_limit_is_an_option(run: Run, started: list[Settings], limit: "Field[float]") -> None:
    value = int(limit.default) // 2  # type: ignore[arg-type]
    flag = f"--{limit.name.replace('_', '-')}={value}"
    assert run(flag).exit_code == 0
    assert run(file=f"{limit.name} = {value}").exit_code == 0
    assert run(**{limit.name.upper(): str(value)}).exit_code == 0
    wanted = replace(DEFAULTS, limits=replace(Limits(), **{limit.name: value}))
    assert started == [wanted] * 3


@pytest.mark.parametrize(
    ("file", "status", "said"),
    [
        ('state_dir = "/a"', 0, "The configuration is valid."),
        ('listen_reader = ["unix:///r.sock,mode=9"]', 2, "9 is not a mode"),
        ("check_config = true", 2, "unknown keys check_config"),
    ],
)
def test_a_configuration_is_checked_without_a_start(
    run: Run, started: list[Settings], file: str, status: int, said: str
) -> None:
    result = run("--check-config", file=file)
    assert result.exit_code == status
    assert said in result.output
    assert started == []


def test_a_flag_overrides_a_variable_and_that_the_file(run: Run, started: list[Settings]) -> None:
    file = 'state_dir = "/file"\nplugin_timeout = 1\nshutdown_grace = 1'
    flags = ("--state-dir", "/flag")
    assert run(*flags, file=file, STATE_DIR="/env", PLUGIN_TIMEOUT="2").exit_code == 0
    [settings] = started
    assert (settings.state_dir, settings.plugin_timeout) == (Path("/flag"), 2)
    assert settings.shutdown_grace == 1


def test_the_listen_addresses_of_a_flag_replace_those_of_the_file(
    run: Run, started: list[Settings]
) -> None:
    file = 'listen = ["unix:///file.sock"]'
    assert run("--listen", "unix:///flag.sock", file=file).exit_code == 0
    assert started[0].listen == (Listener("unix:///flag.sock"),)


def test_the_file_may_be_named_by_a_variable(
    run: Run, started: list[Settings], tmp_path: Path
) -> None:
    (tmp_path / "other.toml").write_text('state_dir = "/file"')
    assert run(CONFIG=str(tmp_path / "other.toml")).exit_code == 0
    assert started[0].state_dir == Path("/file")


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


def test_every_option_is_documented(run: Run) -> None:
    page = (Path(__file__).parents[2] / "docs" / "mynetd.md").read_text()
    options = [option for each in main.main.params for option in each.opts]
    assert len(options) > 20
    assert [option for option in options if f"`{option}" not in page] == []
    assert all(option in run("--help").output for option in options)


def test_the_version_is_that_of_the_distribution(run: Run) -> None:
    assert run("--version").output == f"mynetd {version('mynetd')}\n"
