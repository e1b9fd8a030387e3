"""Where mynetctl finds mynetd: an address, and the certificates for TLS."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

DEFAULT_ADDRESS = "unix:///run/mynet/mynetd.sock"
_UNIX = "unix:///"
_LONGEST_PATH = 107  # bytes of a socket's path; unix(7)


@dataclass(frozen=True, slots=True)
class Certificates:
    """The paths of the files of TLS, all in PEM."""

    # The authorities that sign mynetd's certificate.
    ca: Path
    # The certificate by which mynetd knows the caller, and its key.
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Target:
    """A daemon to call."""

    # unix:///PATH or HOST:PORT.
    address: str = DEFAULT_ADDRESS
    # None for a unix socket, and for TCP without encryption.
    tls: Certificates | None = None

    def fields(self) -> dict[str, str]:
        """Return the address and the paths, as users write them. Without TLS, paths are empty."""
        paths = (self.tls.ca, self.tls.cert, self.tls.key) if self.tls else ("", "", "")
        names = ("tls_ca", "tls_cert", "tls_key")
        return {"address": self.address, **dict(zip(names, map(str, paths), strict=True))}


def parse_address(text: str) -> str:
    """Return an address as it is. It is a type for click's options. Raises click.BadParameter."""
    if text.startswith(_UNIX):
        if len(text.removeprefix("unix://").encode(errors="replace")) > _LONGEST_PATH:
            raise click.BadParameter(
                f"the path is too long: the path of a socket has at most {_LONGEST_PATH} bytes"
            )
        return text
    host, _, port = text.rpartition(":")
    if not host or "/" in host or not (port.isascii() and port.isdecimal()):
        raise click.BadParameter(f"{text!r} is neither unix:///PATH nor HOST:PORT")
    return text


def make_target(address: str, files: Mapping[str, Path | None]) -> Target:
    """Return the target for an address and the values of --tls-ca, --tls-cert and --tls-key.

    A unix socket needs no certificates. Raises click.UsageError if some of the files are missing.
    """
    given = {name: path for name, path in files.items() if path}
    if address.startswith(_UNIX) or not given:
        return Target(address)
    if missing := [f"--{name.replace('_', '-')}" for name in files.keys() - given.keys()]:
        raise click.UsageError(
            f"TLS also needs {' and '.join(sorted(missing))}: mynetd and its callers prove their"
            " names to each other"
        )
    return Target(address, Certificates(given["tls_ca"], given["tls_cert"], given["tls_key"]))
