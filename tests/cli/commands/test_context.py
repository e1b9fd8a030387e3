"""mynetctl context, and which daemon a command calls."""

import json
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.cli.conftest import Ctl, Done
from tests.cli.support.fake import FakeDaemon
from tests.support.certificates import SERVER_NAMES, Authority, write

AUTHORITY = Authority()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """The files of a caller: its certificate, its key, and the authority."""
    folder = tmp_path_factory.mktemp("tls")
    return write(folder, AUTHORITY, AUTHORITY.issue("", "ci.example.org"))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeDaemon]:
    """A daemon with TLS, which lets callers in whose certificates AUTHORITY has signed."""
    pair = AUTHORITY.issue("", *SERVER_NAMES)
    credentials = grpc.ssl_server_credentials(
        [(pair.key, pair.certificate)], AUTHORITY.pem, require_client_auth=True
    )
    made = FakeDaemon(tmp_path_factory.mktemp("s") / "socket", credentials)
    made.answer("ListNetworks", {"networks": [{"id": "5ec", "name": "secret"}]})
    yield made
    made.close()


@pytest.fixture
def run(ctl: Ctl, tmp_path: Path) -> Callable[..., Done]:
    """Run mynetctl without an address in the environment, as a user with an empty home."""

    def run(*arguments: object, **environ: str) -> Done:
        environ = {"XDG_CONFIG_HOME": str(tmp_path), **environ}
        return ctl(*map(str, arguments), address="", **environ)

    return run


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return tmp_path / "mynet" / "contexts.json"


def tls(files: Sequence[Path]) -> Sequence[object]:
    certificate, key, authority = files
    return ("--tls-ca", authority, "--tls-cert", certificate, "--tls-key", key)


def names(done: Done) -> Sequence[str]:
    assert done.status == 0, done.err
    return [network["name"] for network in json.loads(done.out)["networks"]]


LIST = ("network", "ls", "--output", "json")


def test_a_context_is_used_until_another_is(
    run: Callable[..., Done], daemon: FakeDaemon, secure: FakeDaemon, files: Sequence[Path]
) -> None:
    daemon.answer("ListNetworks", {"networks": [{"id": "1", "name": "local"}]})
    address = f"localhost:{secure.tls_port}"
    assert run("context", "add", "--address", address, *tls(files), "web").out == "web\n"
    assert run("context", "add", "--address", daemon.address, "here").status == 0
    assert run("context", "use", "web").out == "web\n"
    assert names(run(*LIST)) == ["secret"]
    assert names(run("--context", "here", *LIST)) == ["local"]
    assert run("context", "use", "here").status == 0
    assert names(run(*LIST)) == ["local"]
    assert run("context", "show").out == "here\n"


def test_option_before_environment_before_the_current_context(
    run: Callable[..., Done], daemon: FakeDaemon, secure: FakeDaemon, files: Sequence[Path]
) -> None:
    daemon.answer("ListNetworks", {"networks": [{"id": "1", "name": "local"}]})
    address = f"localhost:{secure.tls_port}"
    run("context", "add", "--address", address, *tls(files), "web")
    run("context", "add", "--address", daemon.address, "here")
    run("context", "add", "--address", "unix:///none.sock", "none")
    run("context", "use", "none")
    here, web = daemon.address, "web"
    assert names(run("--address", here, *LIST, MYNET_CONTEXT=web)) == ["local"]
    assert names(run("--context", web, *LIST, MYNET_ADDRESS=here)) == ["secret"]
    assert names(run(*LIST, MYNET_ADDRESS=here, MYNET_CONTEXT=web)) == ["local"]
    assert names(run(*LIST, MYNET_CONTEXT=web)) == ["secret"]
    assert run(*LIST).status == 3
    assert run("context", "show", MYNET_ADDRESS=here).out == "-\n"
    assert run("context", "show", MYNET_CONTEXT=web).out == "web\n"


def test_an_address_with_certificates_needs_no_context(
    run: Callable[..., Done], secure: FakeDaemon, files: Sequence[Path]
) -> None:
    address = f"127.0.0.1:{secure.tls_port}"
    assert names(run("--address", address, *tls(files), *LIST)) == ["secret"]
    certificate, key, authority = map(str, files)
    variables = {"CA": authority, "CERT": certificate, "KEY": key}
    environ = {f"MYNETCTL_TLS_{name}": path for name, path in variables.items()}
    assert names(run(*LIST, MYNET_ADDRESS=address, **environ)) == ["secret"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--context", "a", "--address", "h:1"), "--address and --context exclude each other"),
        (("--context", "a", "--tls-ca", "x"), "belong to --address"),
        (("--tls-ca", "x"), "belong to --address"),
        (("--address", "h:1", "--tls-ca", "x"), "TLS also needs --tls-cert and --tls-key"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    run: Callable[..., Done], arguments: Sequence[str], words: str
) -> None:
    done = run(*arguments, *LIST)
    assert done.status == 2
    assert words in done.err


def test_a_daemon_that_does_not_accept_the_certificate_is_unreachable(
    run: Callable[..., Done], secure: FakeDaemon, tmp_path: Path
) -> None:
    other = Authority()
    paths = write(tmp_path, AUTHORITY, other.issue("", "ci.example.org"))
    done = run("--address", f"localhost:{secure.tls_port}", *tls(paths), *LIST)
    assert done.status == 3
    assert "each side has a valid certificate" in done.err


def test_a_certificate_that_is_gone_is_named(
    run: Callable[..., Done], secure: FakeDaemon, files: Sequence[Path], tmp_path: Path
) -> None:
    certificate, _, authority = files
    gone = tmp_path / "gone.pem"
    options = ("--tls-ca", authority, "--tls-cert", certificate, "--tls-key", gone)
    done = run("--address", f"localhost:{secure.tls_port}", *options, *LIST)
    assert done.status == 1
    assert f"{gone} cannot be read: No such file" in done.err
    done = run("context", "add", "--address", "h:1", *options, "web")
    assert done.status == 2
    assert f"{gone} is not a file" in done.err


def test_the_list_marks_the_current_context(
    run: Callable[..., Done], files: Sequence[Path]
) -> None:
    run("context", "add", "--address", "h:1", *tls(files), "web")
    lines = [line.split() for line in run("context", "ls").out.splitlines()]
    assert lines[0] == ["NAME", "ADDRESS", "CERTIFICATE"]
    assert lines[1] == ["default", "*", "unix:///run/mynet/mynetd.sock", "-"]
    assert lines[2] == ["web", "h:1", str(files[0])]
    run("context", "use", "web")
    listed = json.loads(run("context", "ls", "--output", "json").out)["contexts"]
    assert [(item["name"], item["current"]) for item in listed] == [
        ("default", False),
        ("web", True),
    ]
    assert listed[1]["tls_key"] == str(files[1])


def test_paths_are_remembered_whatever_the_current_folder(
    run: Callable[..., Done], files: Sequence[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files[0].parent)
    run("context", "add", "--address", "h:1", *tls([Path(path.name) for path in files]), "web")
    shown = json.loads(run("--context", "web", "context", "show", "--output", "json").out)
    assert shown["tls_cert"] == str(files[0])


def test_only_the_user_may_read_the_file(run: Callable[..., Done], stored: Path) -> None:
    run("context", "add", "--address", "h:1", "web")
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert stat.S_IMODE(stored.parent.stat().st_mode) == 0o700
    assert [path.name for path in stored.parent.iterdir()] == ["contexts.json"]


def test_a_context_in_use_is_not_removed(run: Callable[..., Done]) -> None:
    run("context", "add", "--address", "h:1", "web")
    run("context", "use", "web")
    for name in ("web", "default"):
        done = run("context", "rm", name)
        assert done.status == 1
        assert "use another one first" in done.err
    run("context", "use", "default")
    assert run("context", "rm", "web").out == "web\n"
    done = run("context", "use", "web")
    assert done.status == 1
    assert "there is no context 'web'" in done.err


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "x" * 64])
def test_a_name_that_a_shell_would_stumble_over_is_refused(
    run: Callable[..., Done], stored: Path, name: str
) -> None:
    assert run("context", "add", "--address", "h:1", "--", name).status == 2
    assert not stored.exists()


@pytest.mark.parametrize("name", ["default", "web"])
def test_a_context_is_not_replaced(run: Callable[..., Done], name: str) -> None:
    run("context", "add", "--address", "h:1", "web")
    done = run("context", "add", "--address", "h:2", name)
    assert done.status == 1
    assert "CONTEXT_EXISTS" in done.err


@pytest.mark.parametrize(
    "document",
    ["", "{", "[]", "{}", '{"current": "a"}', '{"current": "a", "contexts": {"a": {}}}'],
)
def test_a_file_that_is_damaged_is_named(
    run: Callable[..., Done], stored: Path, document: Any
) -> None:
    stored.parent.mkdir()
    stored.write_text(document)
    for arguments in (LIST, ("context", "ls"), ("context", "use", "default")):
        done = run(*arguments)
        assert done.status == 1
        assert f"{stored} has no contexts of mynetctl" in done.err
    assert stored.read_text() == document
    assert run("context", "show", MYNET_ADDRESS="h:1").out == "-\n"


def test_use_says_which_variable_goes_before_it(run: Callable[..., Done]) -> None:
    done = run("context", "use", "default", MYNET_CONTEXT="web")
    assert "MYNET_CONTEXT is set" in done.err
    assert done.status == 0
