"""``driver ls``, ``ipam backend ls`` and ``version``: the installed plugins and versions."""

import json
from importlib.metadata import version
from typing import Any

import pytest

from tests.cli.conftest import Ctl
from tests.cli.support.fake import FakeDaemon, Refusal

INSTALLED = {"distribution": "mynetd", "version": "1.2.3", "api_version": 1}


def plugins(kind: str, name: str, **fields: Any) -> list[dict[str, Any]]:
    """Return a plugin that was loaded, and one that was refused."""
    sound = {**INSTALLED, "name": name, "state": f"{kind}_STATE_LOADED", **fields}
    torn = {"name": "torn", "distribution": "torn-plugin", "version": "0.1"}
    error = {"state": f"{kind}_STATE_FAILED", "error": "it raised\n  ValueError: no"}
    return [sound, {**torn, **error}]


DRIVERS = plugins("DRIVER", "bridge", options=[{"name": "icc"}, {"name": "vlan"}])
BACKENDS = plugins("BACKEND", "bitmap")


def test_driver_ls_shows_options_and_why_one_was_refused(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListDrivers", {"drivers": DRIVERS})
    assert ctl("driver", "ls").out == (
        "NAME     STATE    DISTRIBUTION   VERSION   OPTIONS\n"
        "bridge   loaded   mynetd         1.2.3     icc,vlan\n"
        "torn     failed   torn-plugin    0.1       -\n"
        "torn (torn-plugin) was refused: it raised ValueError: no\n"
    )


def test_backend_ls_shows_why_one_was_refused(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListBackends", {"backends": BACKENDS})
    assert ctl("ipam", "backend", "ls").out == (
        "NAME     STATE    DISTRIBUTION   VERSION   OPTIONS\n"
        "bitmap   loaded   mynetd         1.2.3     -\n"
        "torn     failed   torn-plugin    0.1       -\n"
        "torn (torn-plugin) was refused: it raised ValueError: no\n"
    )


@pytest.mark.parametrize(
    ("words", "verb", "field", "found"),
    [
        ("driver ls", "ListDrivers", "drivers", DRIVERS),
        ("ipam backend ls", "ListBackends", "backends", BACKENDS),
    ],
)
def test_as_json_they_are_the_answers_of_the_api(
    ctl: Ctl, daemon: FakeDaemon, words: str, verb: str, field: str, found: list[dict[str, Any]]
) -> None:
    daemon.answer(verb, {field: found})
    shown = json.loads(ctl(*words.split(), "--output", "json").out)[field]
    assert [plugin["error"] for plugin in shown] == ["", "it raised\n  ValueError: no"]


def test_version_shows_the_client_s_and_the_daemon_s(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListDrivers", {"drivers": DRIVERS})
    daemon.answer("ListBackends", {"backends": BACKENDS})
    done = ctl("version")
    assert done.status == 0
    header, client, server = (line.split() for line in done.out.splitlines())
    assert header == ["PROGRAM", "VERSION", "DETAILS"]
    assert client[:2] == ["mynetctl", version("mynetd")]
    assert server == ["mynetd", "1.2.3", daemon.address]


def test_version_as_json_has_both_versions(ctl: Ctl, daemon: FakeDaemon) -> None:
    daemon.answer("ListDrivers", {"drivers": DRIVERS})
    shown = json.loads(ctl("version", "--output", "json").out)
    assert shown["client"]["version"] == version("mynetd")
    assert shown["client"]["grpcio"] == version("grpcio")
    assert shown["daemon"] == {"version": "1.2.3", "address": daemon.address}


def test_version_without_a_daemon_shows_the_client_s_and_fails(ctl: Ctl) -> None:
    done = ctl("version", address="unix:///nowhere/socket")
    assert done.out.splitlines()[1].split()[:2] == ["mynetctl", version("mynetd")]
    assert done.err.startswith("mynetctl: UNREACHABLE: ")
    assert done.status == 3


def test_version_while_the_daemon_starts_shows_the_client_s_and_why(
    ctl: Ctl, daemon: FakeDaemon
) -> None:
    daemon.answer("ListDrivers", Refusal("UNAVAILABLE", "STARTING", "mynetd is starting"))
    done = ctl("version", "--output", "json")
    assert json.loads(done.out)["daemon"] is None
    assert done.err == "mynetctl: STARTING: mynetd is starting\n"
    assert done.status == 1


def test_the_option_version_does_not_call_the_daemon(ctl: Ctl, daemon: FakeDaemon) -> None:
    done = ctl("--version")
    assert (done.status, done.out) == (0, f"mynetctl {version('mynetd')}\n")
    assert daemon.asked == []
