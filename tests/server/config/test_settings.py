"""The daemon's settings: flag before environment before file, and refused values."""

from dataclasses import Field, fields, replace
from importlib.metadata import version
from ipaddress import ip_network
from pathlib import Path

import pytest

from mynet.server import main
from mynet.server.config.settings import Settings
from mynet.server.model.callers import Listener, Role
from mynet.server.model.limits import Limits
from mynet.server.model.subnets import AddressPool
from tests.server.config.running import Run

DEFAULTS = Settings(
    *((Listener("unix:///run/mynet/mynetd.sock"),), Path("/var/lib/mynet"), 30, 10),
    pools=(),
    cooldown=30,
    retention=86400,
)


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


def test_all_invalid_options_are_reported_at_once(run: Run, started: list[Settings]) -> None:
    file = """
        listen = ["nowhere", "unix:///a.sock,mode=9"]
        default_address_pool = ["x", "base=127.0.0.0/8,size=24"]
        log_level = "loud"
    """
    done = run("--check-config", "--shutdown-grace", "-1", file=file, PLUGIN_TIMEOUT="0")
    assert done.exit_code == 2
    lines = done.output.splitlines()
    assert lines[-6] == "Error: 5 options are invalid."
    for option, *words in (
        ("--listen", "nowhere is neither", "9 is not a mode"),
        ("--default-address-pool", "'x': write base=", "127.0.0.0/8"),
        ("--log-level", "'loud' is not one of"),
        ("--shutdown-grace", "-1.0 is not in the range"),
        ("--plugin-timeout", "0.0 is not in the range"),
    ):
        (line,) = [line for line in lines if f"'{option}'" in line]
        assert all(word in line for word in words)
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


def test_every_option_is_documented(run: Run) -> None:
    page = (Path(__file__).parents[3] / "docs" / "mynetd.md").read_text()
    options = [option for each in main.main.params for option in each.opts]
    assert len(options) > 20
    assert [option for option in options if f"`{option}" not in page] == []
    assert all(option in run("--help").output for option in options)


def test_the_version_is_that_of_the_distribution(run: Run) -> None:
    assert run("--version").output == f"mynetd {version('mynetd')}\n"
