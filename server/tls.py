"""The files of TLS: mynetd's certificate and key, and the authority of its callers."""

import ssl
from dataclasses import dataclass
from pathlib import Path

Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """What the files contain, in PEM."""

    certificate: bytes
    key: bytes
    client_ca: bytes


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The paths of the files. Another program renews them while mynetd runs."""

    # A certificate and the intermediate certificates that clients need.
    certificate: Path
    key: Path
    # The certificates of the authorities that sign the certificates of callers.
    client_ca: Path

    def read(self) -> Material:
        """Return what the files contain. Raises ValueError with the reason if TLS cannot use it."""
        material = Material(*(_read(path) for path in self._paths))
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            # Without a password, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(self.certificate, self.key, password=bytes)
        except (OSError, ValueError) as error:  # ssl's errors are OSErrors
            raise ValueError(
                f"{self.certificate} and {self.key} are not a certificate and its key, in PEM and"
                f" without a password: {_reason(error)}"
            ) from error
        try:
            context.load_verify_locations(self.client_ca)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{self.client_ca} has no certificates in PEM: {_reason(error)}"
            ) from error
        return material

    def stamp(self) -> Stamp:
        """Return a value that differs after a file was written or replaced."""
        return tuple(_stamp(path) for path in self._paths)

    @property
    def _paths(self) -> tuple[Path, Path, Path]:
        return self.certificate, self.key, self.client_ca


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error


def _reason(error: Exception) -> str:
    """Return OpenSSL's reason, such as KEY_VALUES_MISMATCH, in words."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return str(reason).replace("_", " ").lower()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
