"""The options of mynetd for the limits of what callers may occupy."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import click

from mynet.server.config.settings import Seconds
from mynet.server.model.limits import Limits

F = TypeVar("F", bound=Callable[..., object])

_DEFAULTS = Limits()
_COUNT = click.IntRange(min=1, max=100_000)
_BYTES = click.IntRange(min=64 << 10, max=1 << 30)  # gRPC has 31 bits for twice a message's bytes
_RATE = click.FloatRange(min=0, max=100_000)
_SECONDS = Seconds(min=1, max=20 * 86400)  # gRPC has 31 bits for milliseconds

_OPTIONS: tuple[tuple[str, click.ParamType[Any], str, str], ...] = (
    ("max_connections", _COUNT, "N", "Connections that an address may have open."),
    ("max_concurrent_streams", _COUNT, "N", "Calls at the same time on one connection."),
    ("max_waiting_calls", _COUNT, "N", "Calls that may wait for their callers to send or read."),
    ("max_running_calls", _COUNT, "N", "Calls that are processed at the same time."),
    ("max_queued_calls", _COUNT, "N", "Calls that may wait until others have ended."),
    ("max_request_bytes", _BYTES, "BYTES", "Largest message of a request."),
    ("max_document_bytes", _BYTES, "BYTES", "Largest document of an import."),
    ("max_bytes_in_flight", _BYTES, "BYTES", "Bytes of requests in work and of unread answers."),
    (
        "max_connection_idle",
        _SECONDS,
        "SECONDS",
        "Close a connection after this time without calls.",
    ),
    (
        "max_connection_age",
        _SECONDS,
        "SECONDS",
        "Close a connection at this age; clients reconnect.",
    ),
    (
        *("max_connection_age_grace", _SECONDS, "SECONDS"),
        "How long the calls of a connection of that age may take to end.",
    ),
    ("rate_limit", _RATE, "CALLS", "Calls a second that each caller may make; 0 for any number."),
    ("rate_burst", _COUNT, "CALLS", "Calls that a caller may make at once, despite --rate-limit."),
)


def limit_options(command: F) -> F:
    """Add the options to a command, which gets their values as its argument ``limits``."""

    @wraps(command)
    def with_limits(*arguments: object, **values: Any) -> object:  # noqa: ANN401 - a decorator
        limits = Limits(**{name: values.pop(name) for name, *_ in _OPTIONS})
        return command(*arguments, **values, limits=limits)

    wrapper: Any = with_limits
    for name, kind, metavar, text in reversed(_OPTIONS):
        flag, default = f"--{name.replace('_', '-')}", getattr(_DEFAULTS, name)
        wrapper = click.option(flag, type=kind, metavar=metavar, default=default, help=text)(
            wrapper
        )
    return cast("F", wrapper)
