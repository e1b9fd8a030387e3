"""A client that misbehaves in HTTP/2, where grpcio would not: it sends what a test asks for."""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from tests.e2e.support.namespace import PATIENCE

NETWORKS, IPAM = "/mynet.v1.NetworkService/", "/mynet.v1.IPAMService/"
LIST = f"{NETWORKS}ListNetworks"
STREAMS = 100  # of one connection


def message(body: bytes = b"", *, compressed: bool = False) -> bytes:
    """Return a message of gRPC with its prefix."""
    return struct.pack(">?I", compressed, len(body)) + body


class HostileClient:
    """A connection over HTTP/2 that sends frames and reads nothing, unless it is told to."""

    def __init__(self, path: Path, *, window: int = 65535) -> None:
        """Connect. The server may send ``window`` bytes of each answer."""
        self._socket = connected(path)
        config = H2Configuration(header_encoding=None, validate_outbound_headers=False)
        self._h2 = H2Connection(config)
        self._h2.local_settings[SettingCodes.INITIAL_WINDOW_SIZE] = window
        self._h2.initiate_connection()
        self._flush()
        self._read_until_settled()

    def open(self, method: str = LIST, *headers: tuple[str, str]) -> int:
        """Begin a call, and return its stream."""
        stream = self._h2.get_next_available_stream_id()
        own = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", "localhost"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ]
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in own]
        encoded += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._h2.send_headers(stream, encoded)
        self._flush()
        return stream

    def call(self, method: str = LIST, body: bytes = b"") -> int:
        """Make a whole call without reading its answer, and return its stream."""
        stream = self.open(method)
        self._h2.send_data(stream, message(body), end_stream=True)
        self._flush()
        return stream

    def send(self, stream: int, data: bytes) -> None:
        """Send bytes of a request, as far as the server's window allows."""
        room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
        self._h2.send_data(stream, data[:room])
        self._flush()

    def reset(self, stream: int) -> None:
        """Reset a stream."""
        self._h2.reset_stream(stream)
        self._flush()

    def trailers(self, stream: int) -> dict[str, str]:
        """Read until the server ends a stream; return the headers that came last."""
        end = time.monotonic() + PATIENCE
        found: dict[str, str] = {}
        self._socket.settimeout(PATIENCE)
        while time.monotonic() < end:
            for event in self._h2.receive_data(self._socket.recv(1 << 16)):
                if getattr(event, "stream_id", None) != stream:
                    continue
                if headers := getattr(event, "headers", None):
                    found = {name.decode(): value.decode() for name, value in headers}
                if isinstance(event, StreamEnded | StreamReset):
                    return found
            self._flush()
        raise AssertionError("the server did not end the stream")

    def is_closed(self) -> bool:
        """Read what has arrived; return whether the server has closed the connection."""
        self._socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            try:
                while data := self._socket.recv(1 << 16):
                    with contextlib.suppress(ProtocolError):
                        self._h2.receive_data(data)
            except ConnectionError:
                pass
            return True
        return False

    def close(self) -> None:
        """Close the connection without a word."""
        self._socket.close()

    def _flush(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._socket.settimeout(PATIENCE)
            self._socket.sendall(self._h2.data_to_send())

    def _read_until_settled(self) -> None:
        """Read until the server has acknowledged the settings, so that the window holds."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            events = self._h2.receive_data(self._socket.recv(1 << 16))
            self._flush()
            if any(type(event).__name__ == "SettingsAcknowledged" for event in events):
                return
        raise AssertionError("the server did not acknowledge the settings")


def connected(path: Path) -> socket.socket:
    """Return a socket that is connected to a unix socket."""
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(PATIENCE)
    made.connect(str(path))
    return made


@contextlib.contextmanager
def clients(path: Path, number: int, *, window: int = 65535) -> Iterator[list[HostileClient]]:
    """Connect so many hostile clients for the time of a block."""
    made = [HostileClient(path, window=window) for _ in range(number)]
    try:
        yield made
    finally:
        for client in made:
            client.close()
