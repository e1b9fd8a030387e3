"""TLS on TCP: a remote caller with mynetctl, roles that change while mynetd runs, and doctor."""

import json
import signal
from typing import Any

import pytest

from tests.e2e.support.daemon import EXECUTED, Daemon, eventually
from tests.e2e.support.namespace import BIN
from tests.e2e.support.testbed import Testbed
from tests.support.certificates import SERVER_NAMES, Authority, write

PORT = 5050
CONFIG = f"""
listen = ["unix:///run/mynet/mynetd.sock", "0.0.0.0:{PORT}"]
log_format = "json"
tls_cert = "/run/tls/cert.pem"
tls_key = "/run/tls/key.pem"
tls_client_ca = "/run/tls/ca.pem"
"""
READER, ADMIN = 'roles = {"ci.example.org" = "reader"}', 'roles = {"ci.example.org" = "admin"}'


class Remote:
    """A daemon with TLS, and a caller ci.example.org with mynetctl."""

    def __init__(self, testbed: Testbed) -> None:
        self.testbed = testbed
        self.authority = Authority()
        self.tls, client = (testbed.root / "run" / name for name in ("tls", "client"))
        for folder in (self.tls, client):
            folder.mkdir()
        self.renew()
        write(client, self.authority, self.authority.issue("", "ci.example.org"))
        self.configure(READER)
        self.daemon = Daemon(testbed, "--config", "/run/mynet.toml", program=EXECUTED)

    def configure(self, roles: str) -> None:
        (self.testbed.root / "run" / "mynet.toml").write_text(f"{CONFIG}{roles}\n")

    def reload(self) -> None:
        """Send SIGHUP, and wait until the daemon has read its configuration again."""
        seen = len(self.events("reloaded"))
        self.daemon.signal(signal.SIGHUP)
        eventually(lambda: len(self.events("reloaded")) > seen)

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.daemon.events() if line["event"] == event]

    def renew(self) -> None:
        """Give the daemon another certificate, as a program that renews certificates does."""
        write(self.tls, self.authority, self.authority.issue("", *SERVER_NAMES))

    def ctl(self, *arguments: str, host: str = "localhost") -> tuple[int, str]:
        """Run mynetctl; return its exit status, and what it prints."""
        options = ("ca", "cert", "key")
        files = [f"--tls-{name}=/run/client/{name}.pem" for name in options]
        program = BIN / "mynetctl"
        done = self.testbed.attempt(
            program, f"--address={host}:{PORT}", *files, *arguments, MYNET_TIMEOUT="60"
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def remote(empty_testbed: Testbed) -> Remote:
    return Remote(empty_testbed)


def test_a_principal_has_its_role_until_the_configuration_is_read_again(remote: Remote) -> None:
    create = ("network", "create", "--subnet", "10.88.0.0/24", "blue")
    before = remote.daemon.everything()
    status, said = remote.ctl(*create)
    assert status == 1
    assert "ROLE_MISSING: CreateNetwork needs the role admin" in said
    assert remote.daemon.everything() == before
    remote.configure(ADMIN)
    assert remote.ctl(*create)[0] == 1  # until it is told to read it
    remote.reload()
    assert remote.ctl(*create)[0] == 0
    assert [network.name for network in remote.daemon.networks()] == ["blue"]
    remote.configure("")
    remote.reload()
    status, said = remote.ctl("network", "ls")
    assert status == 1
    assert "'ci.example.org' has the role none" in said


@pytest.mark.parametrize("text", ["roles = 3", "["])
def test_a_configuration_that_cannot_be_read_changes_no_role(remote: Remote, text: str) -> None:
    remote.configure(text)
    remote.reload()
    eventually(lambda: remote.events("not reloaded, and in use as before"))
    assert remote.ctl("network", "ls")[0] == 0


def test_a_renewed_certificate_is_used_without_a_restart(remote: Remote) -> None:
    remote.renew()
    assert remote.ctl("network", "ls")[0] == 0
    eventually(lambda: remote.events("the certificates were renewed"))


def test_tls_on_0_0_0_0_listens_on_ipv4_alone(remote: Remote) -> None:
    assert remote.ctl("network", "ls", host="127.0.0.1")[0] == 0
    assert remote.ctl("network", "ls", host="[::1]")[0] == 3
    listening = remote.testbed.run("ss", "--tcp", "--listening", "--numeric", "--no-header")
    addresses = [line.split()[3] for line in listening.splitlines()]
    assert addresses == [f"0.0.0.0:{PORT}"]


def test_a_caller_without_tls_is_not_answered(remote: Remote) -> None:
    done = remote.testbed.attempt("mynetctl", "--address", f"localhost:{PORT}", "network", "ls")
    assert done.returncode == 3
    remote.daemon.stop()
    # gRPC itself logs nothing: its lines would be no JSON, and would block where no program reads.
    assert remote.daemon.events()[-1]["event"] == "stopped"


def findings(testbed: Testbed) -> list[dict[str, Any]]:
    done = testbed.attempt("mynetctl", "doctor", "--output", "json")
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return found


def test_doctor_finds_tcp_without_tls(empty_testbed: Testbed) -> None:
    daemon = Daemon(
        empty_testbed,
        *("--listen", "unix:///run/mynet/mynetd.sock", "--listen-reader", "127.0.0.1:5050"),
        "--insecure",
    )
    (found,) = findings(empty_testbed)
    assert found["object"] == "listener 127.0.0.1:5050"
    assert "in the role reader" in found["problem"]
    assert "--tls-cert" in found["remedy"]
    daemon.stop()


def test_doctor_finds_nothing_about_tcp_with_tls(remote: Remote) -> None:
    assert findings(remote.testbed) == []
