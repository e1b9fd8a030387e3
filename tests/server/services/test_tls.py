"""TLS: the callers whom a listener believes, the roles that [roles] gives them, and renewal."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived, TrailersReceived

from mynet.drivers.api import Call
from mynet.drivers.errors import DriverError
from mynet.server.model.callers import Role
from mynet.server.model.roles import Grant, Roles
from mynet.server.services.front.roles import REQUIRED
from mynet.v1 import network_pb2, network_pb2_grpc
from tests.server.support.polling import eventually
from tests.server.support.refusals import Refusal, unpacked
from tests.server.support.requests import create
from tests.server.support.tls import TlsServer
from tests.server.support.world import World
from tests.support.certificates import SERVER_NAMES, Authority, write

LIST = network_pb2.ListNetworksRequest()
_PATIENCE = 60.0


@pytest.fixture
def new_server(still_world: World, tmp_path: Path) -> Iterator[Callable[..., TlsServer]]:
    made: list[TlsServer] = []

    def new_server(role: Role = Role.ADMIN) -> TlsServer:
        made.append(TlsServer(still_world, tmp_path, role))
        return made[-1]

    yield new_server
    for server in made:
        server.close()


@pytest.fixture
def tls(new_server: Callable[..., TlsServer]) -> TlsServer:
    return new_server()


def refused(stub: network_pb2_grpc.NetworkServiceStub, verb: str = "ListNetworks") -> Refusal:
    request = {"ListNetworks": LIST, "CreateNetwork": create()}[verb]
    with pytest.raises(grpc.RpcError) as caught:
        getattr(stub, verb)(request, timeout=_PATIENCE)
    return unpacked(caught.value)


@pytest.mark.parametrize(
    ("common_name", "names"),
    [
        ("", ("ci.example.org",)),
        ("somebody", ("ci.example.org",)),
        ("", ("10.0.0.7", "other.example.org", "ci.example.org")),
        ("ci.example.org", ()),
    ],
)
def test_a_name_of_the_certificate_is_the_principal(
    tls: TlsServer, common_name: str, names: tuple[str, ...]
) -> None:
    tls.give(ci=Role.READER)
    channel = tls.channel(tls.authority.issue(common_name, *names))
    network_pb2_grpc.NetworkServiceStub(channel).ListNetworks(LIST, timeout=_PATIENCE)


@pytest.mark.parametrize("name", ["spiffe://example.org/ci", "ci@example.org"])
def test_uris_and_email_addresses_are_names(tls: TlsServer, name: str) -> None:
    tls.server.front.roles = Roles({name: Grant(Role.READER)})
    tls.stub(name).ListNetworks(LIST, timeout=_PATIENCE)


def test_a_common_name_beside_alternative_names_is_no_principal(tls: TlsServer) -> None:
    tls.give(ci=Role.READER)
    channel = tls.channel(tls.authority.issue("ci.example.org", "other.example.org"))
    refusal = refused(network_pb2_grpc.NetworkServiceStub(channel))
    assert refusal.short == ("PERMISSION_DENIED", "ROLE_MISSING")
    assert "'other.example.org' has the role none" in refusal.message


@pytest.mark.parametrize("names", [(), ("10.0.0.7",)])
def test_a_certificate_without_a_name_has_no_role(tls: TlsServer, names: tuple[str, ...]) -> None:
    channel = tls.channel(tls.authority.issue("", *names))
    refusal = refused(network_pb2_grpc.NetworkServiceStub(channel))
    assert refusal.short == ("PERMISSION_DENIED", "ROLE_MISSING")
    assert refusal.metadata == {"role": "none", "required": "reader"}
    assert "certificate has no name" in refusal.message


def test_a_principal_without_a_role_may_call_nothing(still_world: World, tls: TlsServer) -> None:
    before = still_world.state()
    channel = tls.channel(tls.authority.issue("", "ci.example.org"))
    for path, required in REQUIRED.items():
        call: Any = channel.stream_stream(path)
        with pytest.raises(grpc.RpcError) as caught:
            list(call(iter(lambda: b"", None), timeout=_PATIENCE))  # it never ends by itself
        refusal = unpacked(caught.value)
        assert refusal.short == ("PERMISSION_DENIED", "ROLE_MISSING")
        assert refusal.metadata == {"role": "none", "required": required.name.lower()}
    assert still_world.state() == before


def test_a_listener_s_role_is_the_highest_of_its_callers(
    new_server: Callable[..., TlsServer],
) -> None:
    tls = new_server(Role.READER)
    tls.give(ci=Role.ADMIN)
    stub = tls.stub("ci.example.org")
    stub.ListNetworks(LIST, timeout=_PATIENCE)
    refusal = refused(stub, "CreateNetwork")
    assert refusal.metadata == {"role": "reader", "required": "admin"}
    assert "callers of this address" in refusal.message


@pytest.mark.parametrize("which", ["expired", "of another authority", "none at all"])
def test_a_caller_without_a_valid_certificate_gets_no_connection(
    tls: TlsServer, which: str
) -> None:
    tls.give(ci=Role.ADMIN)
    pair = {
        "expired": tls.authority.issue("", "ci.example.org", valid=timedelta(days=-1)),
        "of another authority": Authority().issue("", "ci.example.org"),
        "none at all": None,
    }[which]
    stub = network_pb2_grpc.NetworkServiceStub(tls.channel(pair))
    assert refused(stub).code == "UNAVAILABLE"
    tls.stub("ci.example.org").ListNetworks(LIST, timeout=_PATIENCE)


def test_a_caller_of_another_authority_does_not_believe_the_server(tls: TlsServer) -> None:
    channel = tls.channel(tls.authority.issue("", "ci.example.org"), Authority())
    assert refused(network_pb2_grpc.NetworkServiceStub(channel)).code == "UNAVAILABLE"


def test_a_principal_that_loses_its_role_loses_it_on_its_open_connection(
    still_world: World, tls: TlsServer
) -> None:
    tls.give(ci=Role.ADMIN)
    stub = tls.stub("ci.example.org")
    stub.ListNetworks(LIST, timeout=_PATIENCE)
    before = still_world.state()
    tls.give(ci=Role.READER)
    assert refused(stub, "CreateNetwork").short == ("PERMISSION_DENIED", "ROLE_MISSING")
    tls.give()
    assert refused(stub).short == ("PERMISSION_DENIED", "ROLE_MISSING")
    assert still_world.state() == before


def test_plugins_get_the_principal(
    still_world: World, tls: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    principals: list[str] = []

    def create_nothing(call: Call, _: object) -> None:
        principals.append(call.principal)
        raise DriverError("the test creates nothing")

    monkeypatch.setattr(still_world.driver, "create", create_nothing)
    tls.give(ci=Role.ADMIN)
    assert refused(tls.stub("ci.example.org"), "CreateNetwork").reason == "DRIVER_ERROR"
    assert principals == ["ci.example.org"]


def test_renewed_certificates_are_used_and_no_call_is_lost(tls: TlsServer) -> None:
    tls.give(ci=Role.READER)
    kept = tls.stub("ci.example.org")
    kept.ListNetworks(LIST, timeout=_PATIENCE)
    done, ended = 0, threading.Event()
    errors: list[grpc.RpcError] = []

    def load() -> None:
        """Call on the kept connection, and on new ones."""
        nonlocal done
        while not ended.is_set():
            try:
                kept.ListNetworks(LIST, timeout=_PATIENCE)
                tls.stub("ci.example.org").ListNetworks(LIST, timeout=_PATIENCE)
            except grpc.RpcError as error:
                errors.append(error)
            done += 1

    before = served_certificate(tls)
    thread = threading.Thread(target=load)
    thread.start()
    try:
        for _ in range(5):
            seen = done
            write(tls.folder, tls.authority, tls.authority.issue("", *SERVER_NAMES))
            eventually(lambda seen=seen: done > seen + 1)  # type: ignore[misc]
    finally:
        ended.set()
        thread.join()
    assert errors == []
    assert served_certificate(tls) != before


def test_certificates_that_do_not_fit_their_key_are_not_taken(tls: TlsServer) -> None:
    tls.give(ci=Role.READER)
    before = served_certificate(tls)
    tls.files.certificate.write_bytes(tls.authority.issue("", *SERVER_NAMES).certificate)
    assert served_certificate(tls) == before
    tls.files.key.unlink()
    tls.files.client_ca.write_text("no certificate")
    assert served_certificate(tls) == before
    tls.stub("ci.example.org").ListNetworks(LIST, timeout=_PATIENCE)
    write(tls.folder, tls.authority, tls.authority.issue("", *SERVER_NAMES))
    assert served_certificate(tls) != before


def test_a_new_authority_takes_the_place_of_the_old_one(tls: TlsServer) -> None:
    tls.give(ci=Role.READER)
    old, new = tls.authority, Authority()
    tls.authority = new
    write(tls.folder, new, new.issue("", *SERVER_NAMES))
    tls.stub("ci.example.org").ListNetworks(LIST, timeout=_PATIENCE)
    channel = tls.channel(old.issue("", "ci.example.org"), new)
    assert refused(network_pb2_grpc.NetworkServiceStub(channel)).code == "UNAVAILABLE"


def connected(tls: TlsServer, version: ssl.TLSVersion) -> ssl.SSLSocket:
    """Return a connection of that version of TLS, for HTTP/2, with a certificate."""
    pair = tls.authority.issue("", "ci.example.org")
    bundle = tls.folder / "client.pem"
    bundle.write_bytes(pair.key + pair.certificate)
    context = ssl.create_default_context(cadata=tls.authority.pem.decode())
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(bundle)
    context.set_alpn_protocols(["h2"])
    raw = socket.create_connection(("127.0.0.1", tls.port), timeout=_PATIENCE)
    return context.wrap_socket(raw, server_hostname="localhost")


def served_certificate(tls: TlsServer) -> bytes | None:
    """Return the certificate that a new connection gets."""
    with connected(tls, ssl.TLSVersion.TLSv1_3) as connection:
        return connection.getpeercert(binary_form=True)


def status_without_a_body(connection: ssl.SSLSocket, path: str) -> dict[str, str]:
    """Begin a call, send no body, and return the headers and trailers of its answer."""
    http2 = H2Connection(H2Configuration(header_encoding="utf-8"))
    http2.initiate_connection()
    own = {":method": "POST", ":scheme": "https", ":path": path, ":authority": "localhost"}
    own |= {"te": "trailers", "content-type": "application/grpc"}
    http2.send_headers(1, [*own.items()])
    fields: dict[str, str] = {}
    while "grpc-status" not in fields:
        connection.sendall(http2.data_to_send())
        for event in http2.receive_data(connection.recv(1 << 16)):
            if isinstance(event, ResponseReceived | TrailersReceived):
                fields |= {str(name): str(value) for name, value in event.headers}
    return fields


@pytest.mark.parametrize(
    "path", ["/mynet.v1.NetworkService/ListNetworks", "/grpc.health.v1.Health/Check"]
)
def test_tls_before_1_3_is_refused_before_the_body(tls: TlsServer, path: str) -> None:
    tls.give(ci=Role.ADMIN)
    with connected(tls, ssl.TLSVersion.TLSv1_2) as connection:
        fields = status_without_a_body(connection, path)
    assert fields["grpc-status"] == str(grpc.StatusCode.UNAUTHENTICATED.value[0])
    assert "TLS 1.3" in fields["grpc-message"]
