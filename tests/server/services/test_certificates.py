"""What gRPC gets of the files of TLS at each handshake. It asks in a thread of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from mynet.server.services.listening.certificates import Certificates
from mynet.server.tls import TlsFiles
from tests.support.certificates import SERVER_NAMES, Authority, write

Renewed = Callable[[], object]


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def renewed(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Renewed:
    """The function that gRPC calls at each handshake."""
    given: list[Renewed] = []

    def credentials(_first: object, fetcher: Renewed, **options: Any) -> object:
        assert options == {"require_client_authentication": True}
        given.append(fetcher)
        return object()

    monkeypatch.setattr(grpc, "dynamic_ssl_server_credentials", credentials)
    Certificates(TlsFiles(*write(tmp_path, authority, authority.issue("", *SERVER_NAMES))))
    return given[0]


def test_files_that_stay_the_same_are_not_read_again(renewed: Renewed) -> None:
    assert renewed() is None


def test_renewed_files_are_used_once(
    tmp_path: Path, authority: Authority, renewed: Renewed
) -> None:
    write(tmp_path, authority, authority.issue("", *SERVER_NAMES))
    assert isinstance(renewed(), grpc.ServerCertificateConfiguration)
    assert renewed() is None


def test_files_that_do_not_fit_leave_the_certificate_as_it_was(
    tmp_path: Path, authority: Authority, renewed: Renewed
) -> None:
    (tmp_path / "key.pem").write_bytes(authority.issue("other").key)
    assert renewed() is None
    assert renewed() is None  # and are not read at each handshake
    write(tmp_path, authority, authority.issue("", *SERVER_NAMES))
    assert renewed() is not None


def test_files_that_are_gone_leave_the_certificate_as_it_was(
    tmp_path: Path, renewed: Renewed
) -> None:
    (tmp_path / "ca.pem").unlink()
    assert renewed() is None
