"""The options of mynetd for where it listens, and with which certificate."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from mynet.server.config.settings import DEFAULT_LISTEN, listeners, require_addresses, tls_files
from mynet.server.errors import CannotStart
from mynet.server.model.callers import Listener, Role
from mynet.server.proxy.activation import inherited_listeners
from mynet.server.tls import TlsFiles

F = TypeVar("F", bound=Callable[..., object])

_FILE_PATH = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class ListeningOptions:
    """The values of these options, each of which is valid by itself."""

    listen: tuple[str, ...]
    listen_operator: tuple[str, ...]
    listen_reader: tuple[str, ...]
    tls_cert: Path | None
    tls_key: Path | None
    tls_client_ca: Path | None
    insecure: bool
    peer_credentials: bool
    # Whether the operator has left --listen as it is by default.
    is_default: bool

    def parse(self) -> tuple[tuple[Listener, ...], TlsFiles | None]:
        """Return the listeners, with those that a service manager passes, and the files of TLS.

        The sockets of a service manager replace the default of --listen. Raises
        click.ClickException if options contradict each other, for a file that TLS cannot use, and
        for a socket that cannot be used.
        """
        try:
            inherited = inherited_listeners(os.environ)
        except CannotStart as error:
            raise click.ClickException(str(error)) from error
        tls = tls_files(self.tls_cert, self.tls_key, self.tls_client_ca)
        found = listeners(
            {
                Role.ADMIN: () if inherited and self.is_default else self.listen,
                Role.OPERATOR: self.listen_operator,
                Role.READER: self.listen_reader,
            },
            insecure=self.insecure,
            tls=tls is not None,
            inherited=inherited,
            credentials=self.peer_credentials,
        )
        return found, tls


def _check_addresses(
    _context: click.Context, _: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Return addresses to listen on as they are. Raises click.BadParameter with all faults."""
    require_addresses(value)
    return value


_OPTIONS = (
    click.option(
        "--listen",
        multiple=True,
        callback=_check_addresses,
        metavar="ADDRESS",
        default=(DEFAULT_LISTEN,),
        help="Where to serve callers who may do everything: unix:///PATH[,group=NAME][,mode=0660],"
        " or HOST:PORT with TLS or --insecure. May be repeated.",
    ),
    click.option(
        "--listen-operator",
        multiple=True,
        callback=_check_addresses,
        metavar="ADDRESS",
        help="Like --listen, for callers who connect containers and allocate addresses.",
    ),
    click.option(
        "--listen-reader",
        multiple=True,
        callback=_check_addresses,
        metavar="ADDRESS",
        help="Like --listen, for callers who only list and look.",
    ),
    click.option(
        "--tls-cert",
        type=_FILE_PATH,
        metavar="FILE",
        help="Serve TCP with TLS 1.3, with this certificate in PEM.",
    ),
    click.option("--tls-key", type=_FILE_PATH, metavar="FILE", help="The key of the certificate."),
    click.option(
        "--tls-client-ca",
        type=_FILE_PATH,
        metavar="FILE",
        help="The certificate authorities (CA) of callers. [roles] gives them roles.",
    ),
    click.option(
        "--insecure", is_flag=True, help="Serve TCP without encryption and authentication."
    ),
    click.option(
        "--peer-credentials",
        is_flag=True,
        help="Ask the kernel which user calls on a unix socket, for limits and the audit log.",
    ),
)


def listening_options(command: F) -> F:
    """Add the options to a command, which gets their values as its argument ``listening``."""

    @wraps(command)
    def with_listening(*arguments: object, **values: Any) -> object:  # noqa: ANN401 - a decorator
        source = click.get_current_context().get_parameter_source("listen")
        names = [name for name in ListeningOptions.__slots__ if name in values]
        listening = ListeningOptions(
            **{name: values.pop(name) for name in names},
            is_default=source is ParameterSource.DEFAULT,
        )
        return command(*arguments, **values, listening=listening)

    wrapper: Any = with_listening
    for option in reversed(_OPTIONS):
        wrapper = option(wrapper)
    return cast("F", wrapper)
