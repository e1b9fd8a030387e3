"""The certificates of a listener, which take effect without a restart when they are renewed."""

from typing import TYPE_CHECKING, cast

import grpc
import structlog

from mynet.server.tls import Material, TlsFiles

if TYPE_CHECKING:
    from collections.abc import Callable

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Certificates:
    """Reads the files again when they have changed. Open connections keep theirs."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files. Raises ValueError with the reason if TLS cannot use them."""
        self._files = files
        self._seen = files.stamp()
        # gRPC allows None for "as before", unlike the types of grpcio.
        renewed = cast("Callable[[], grpc.ServerCertificateConfiguration]", self._renewed)
        self.credentials = grpc.dynamic_ssl_server_credentials(
            _configuration(files.read()), renewed, require_client_authentication=True
        )

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the files' content if they have changed, else None. gRPC asks at each handshake.

        A program that renews certificates writes one file after the other. Until the files fit
        together, the certificates before them stay in use.
        """
        stamp = self._files.stamp()
        if stamp == self._seen:
            return None
        try:
            material = self._files.read()
        except ValueError as error:
            self._seen = stamp
            log.warning("the certificates have changed and cannot be used", reason=str(error))
            return None
        if self._files.stamp() != stamp:  # the files were written meanwhile
            return None
        self._seen = stamp
        log.info("the certificates were renewed", certificate=str(self._files.certificate))
        return _configuration(material)


def _configuration(material: Material) -> grpc.ServerCertificateConfiguration:
    pair = (material.key, material.certificate)
    return grpc.ssl_server_certificate_configuration([pair], material.client_ca)
