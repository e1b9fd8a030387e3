"""The caller of a call, by its listener and its certificate."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, cast

import grpc

from mynet.server.errors import CallerGone, TlsTooOld
from mynet.server.model.callers import Caller, Listener, Role
from mynet.server.model.roles import Roles
from mynet.server.proxy.peers import Peers

Attributes: TypeAlias = Mapping[str, Sequence[bytes]]  # what gRPC knows of a connection

_VERSION = "ssl_tls_version"
_NEWEST = b"TLSv1.3"
_ALTERNATIVE_NAMES = ("peer_uri", "peer_dns", "peer_email")
_COMMON_NAME = "x509_common_name"


def identify(
    listener: Listener, context: grpc.ServicerContext, roles: Roles, peers: Peers
) -> Caller:
    """Return the caller of a call that has come by a listener. Raises TlsTooOld and CallerGone.

    Callers of a listener without TLS have the role of the listener. Others have the role of their
    principal in [roles]: the first name of their certificate that is there.
    """
    if listener.is_proxied:
        return _proxied(listener, context.peer(), peers)
    if not listener.tls:
        return Caller(listener.role, listener.address, context.peer())
    attributes = _attributes(context)
    require_new_tls(context)
    names = tuple(_names(attributes))
    if found := roles.first(names):
        principal, grant = found
        role = min(listener.role, grant.role)
        return Caller(role, listener.address, context.peer(), principal, grant.scope)
    return Caller(Role.NONE, listener.address, context.peer(), next(iter(names), ""))


def _proxied(listener: Listener, peer: str, peers: Peers) -> Caller:
    """Return a caller with its credentials. Raises CallerGone if its connection is closed."""
    credentials = peers.find(peer)
    if credentials is None:
        raise CallerGone("the caller has closed its connection, so its user is unknown")
    user = f"unix:uid={credentials.uid}"
    return Caller(listener.role, listener.address, user, credentials=credentials)


def require_new_tls(context: grpc.ServicerContext) -> None:
    """Raise TlsTooOld for a connection of TLS 1.2, which gRPC accepts. Others pass."""
    versions = _attributes(context).get(_VERSION, ())
    if any(version != _NEWEST for version in versions):
        raise TlsTooOld(
            "mynetd needs TLS 1.3, and this connection has"
            f" {', '.join(version.decode(errors='replace') for version in versions)}; use a client"
            " that has TLS 1.3"
        )


def _attributes(context: grpc.ServicerContext) -> Attributes:
    return cast("Attributes", context.auth_context())  # its values are lists, unlike their types


def _names(attributes: Attributes) -> Iterator[str]:
    """Yield the names of a certificate: URIs, DNS names, email addresses; else its common name.

    A certificate with alternative names has none in its subject (RFC 9525).
    """
    alternatives = [name for key in _ALTERNATIVE_NAMES for name in attributes.get(key, ())]
    for name in alternatives or attributes.get(_COMMON_NAME, ()):
        with contextlib.suppress(UnicodeDecodeError):
            yield name.decode()
