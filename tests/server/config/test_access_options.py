"""Options of TLS and the table [roles]: what mynetd --check-config refuses, and how it says so."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mynet.server import main
from mynet.server.config import config_file
from mynet.server.errors import CannotStart
from mynet.server.model.callers import Role
from mynet.server.model.roles import Grant
from mynet.server.model.scopes import Scope
from tests.support.certificates import SERVER_NAMES, Authority, write

TCP = ("--listen", "127.0.0.1:5050")


def check(*arguments: object, **environment: str) -> Result:
    given = ["--check-config", *map(str, arguments)]
    return CliRunner().invoke(main.main, given, env=environment, prog_name="mynetd")


def said(result: Result) -> str:
    return " ".join(result.output.replace("\u2502", " ").split())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """A certificate, its key and the authority."""
    authority = Authority()
    return write(tmp_path_factory.mktemp("tls"), authority, authority.issue("", *SERVER_NAMES))


@pytest.fixture
def roles_file(tmp_path: Path) -> Callable[[str], Path]:
    def roles_file(text: str) -> Path:
        path = tmp_path / "mynet.toml"
        path.write_text(text)
        return path

    return roles_file


def test_tcp_with_tls_needs_no_insecure(files: Sequence[Path]) -> None:
    certificate, key, authority = files
    options = ("--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", authority)
    assert check(*TCP, *options).exit_code == 0
    variables = {"CERT": certificate, "KEY": key, "CLIENT_CA": authority}
    environment = {f"MYNET_TLS_{name}": str(path) for name, path in variables.items()}
    assert check(*TCP, **environment).exit_code == 0


def test_tls_needs_all_its_files(files: Sequence[Path]) -> None:
    certificate, key, authority = files
    result = check(*TCP, "--tls-cert", certificate)
    assert result.exit_code == 2
    assert "TLS also needs --tls-key and --tls-client-ca" in said(result)
    result = check(*TCP, "--tls-cert", certificate, "--tls-key", key)
    assert "TLS also needs --tls-client-ca" in said(result)
    result = check(*TCP, "--tls-client-ca", authority)
    assert "TLS also needs --tls-cert and --tls-key" in said(result)


def test_tls_and_insecure_exclude_each_other(files: Sequence[Path]) -> None:
    certificate, key, authority = files
    options = ("--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", authority)
    result = check(*TCP, *options, "--insecure")
    assert result.exit_code == 2
    assert "exclude each other" in said(result)


def test_files_that_tls_cannot_use_are_named(files: Sequence[Path], tmp_path: Path) -> None:
    certificate, key, authority = files
    other = tmp_path / "other.pem"
    other.write_bytes(Authority().issue("", *SERVER_NAMES).key)
    empty = tmp_path / "empty.pem"
    empty.touch()
    for paths, words in (
        ((certificate, other, authority), "key values mismatch"),
        ((empty, key, authority), f"{empty} and {key} are not a certificate and its key"),
        ((certificate, key, empty), f"{empty} has no certificates in PEM"),
        ((certificate, tmp_path / "none.pem", authority), "none.pem cannot be read: No such file"),
    ):
        options = zip(("--tls-cert", "--tls-key", "--tls-client-ca"), paths, strict=True)
        result = check(*TCP, *(part for option in options for part in option))
        assert result.exit_code == 2
        assert words in said(result)


def test_a_line_of_roles_gives_a_role_and_may_narrow_the_networks(
    roles_file: Callable[[str], Path],
) -> None:
    path = roles_file(
        """
        [roles]
        "monitoring.example.org" = "reader"
        "spiffe://example.org/ci" = { role = "operator", networks = ["ci-*", "shared"] }

        [roles."orchestrator.example.org"]
        role = "admin"
        labels = { team = "web" }
        """
    )
    assert check("--config", path).exit_code == 0
    assert config_file.read_roles(path).grants == {
        "monitoring.example.org": Grant(Role.READER),
        "spiffe://example.org/ci": Grant(Role.OPERATOR, Scope(("ci-*", "shared"))),
        "orchestrator.example.org": Grant(Role.ADMIN, Scope(labels={"team": "web"})),
    }


def test_all_faults_of_a_file_are_said_at_once(roles_file: Callable[[str], Path]) -> None:
    path = roles_file(
        """
        plugin_timeout = "3"
        colour = 1
        [roles]
        a = "none"
        b = { networks = ["x"] }
        c = { role = "reader", networks = [], labels = { x = 1 }, ports = 1 }
        d = 5
        """
    )
    result = check("--config", path)
    assert result.exit_code == 2
    for words in (
        "unknown keys colour",
        "plugin_timeout is a number, not '3'",
        "roles.'a': the role is one of reader, operator, admin, not 'none'",
        "roles.'b': the role is one of reader, operator, admin, not None",
        "roles.'c' has unknown keys ports; known are role, networks, labels",
        "roles.'c': networks is a list",
        "roles.'c': labels is a table",
        "roles.'d': the role is one of reader, operator, admin, not 5",
    ):
        assert words in said(result)


def test_roles_that_cannot_be_read_again_are_refused(roles_file: Callable[[str], Path]) -> None:
    for text, words in (("roles = 3", "roles is a table"), ("[", "cannot be read as TOML")):
        with pytest.raises(CannotStart, match=words):
            config_file.read_roles(roles_file(text))
    with pytest.raises(CannotStart, match="cannot be read: No such file"):
        config_file.read_roles(Path("/none/mynet.toml"))
    assert config_file.read_roles(None).grants == {}


def test_roles_that_are_no_table_are_refused(roles_file: Callable[[str], Path]) -> None:
    result = check("--config", roles_file("roles = 3"))
    assert result.exit_code == 2
    assert "roles is a table" in said(result)
