"""The limits of what callers may occupy. docs/mynetd.md documents each limit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What all callers together may occupy. Times are in seconds.

    Each limit is an option of mynetd with the same name, and errors name it by that name.
    """

    # Open connections of one listener.
    max_connections: int = 1000
    # Calls in progress of one connection. Further calls wait in the client. A client that is at the
    # limit may have a call refused under load, as gRPC counts calls that have just ended, too. So
    # the limit is higher than what clients need.
    max_concurrent_streams: int = 1000
    # Calls that wait for their callers, each of which occupies a thread.
    max_waiting_calls: int = 128
    # Calls that are worked on, each of which occupies a thread. They are more than the callers of
    # one plugin (executor.CALLERS), so that calls of other plugins are served while one hangs.
    max_running_calls: int = 128
    # Calls that wait until fewer calls are worked on, each of which occupies a thread.
    max_queued_calls: int = 32
    # Bytes of one request message.
    max_request_bytes: int = 4 << 20
    # Bytes of all messages of one request.
    max_document_bytes: int = 64 << 20
    # Bytes of the requests that are being read or worked on, and of the answers not read yet.
    max_bytes_in_flight: int = 128 << 20
    # After this time a connection without calls is closed.
    max_connection_idle: float = 60.0
    # After this time a connection is closed, and its calls then have the grace to end.
    max_connection_age: float = 3600.0
    max_connection_age_grace: float = 60.0
    # Calls a second of one caller, or 0 for any number, and calls that it may make at once.
    rate_limit: float = 0.0
    rate_burst: int = 100
