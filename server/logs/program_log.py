"""Structured logs on standard error: JSON for machines, plain lines for people.

Every line of a request carries its ``request_id``, including the lines that a plugin logs with the
standard library's ``logging`` while it works on the request. No thread waits for the reader of the
log: see :mod:`mynet.server.logs.line_queue`.

A traceback is for an error that mynet did not expect. The errors of the core and of the contracts
explain themselves, such as what the kernel of a host refuses. Their lines have the message alone,
except at the level debug.
"""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias

import structlog

from mynet.drivers.errors import DriverError
from mynet.ipam.errors import IpamError
from mynet.server.errors import MynetError
from mynet.server.logs.clock import utc_now
from mynet.server.logs.line_queue import LineQueue, LogStream

if TYPE_CHECKING:
    from structlog.typing import EventDict

Format = Literal["json", "text"]
Render: TypeAlias = "Callable[[EventDict], str]"

_EXPLAINED = (MynetError, DriverError, IpamError)
_LAST_SECONDS = 1.0  # for the lines that are not written yet when the daemon ends
_encode = json.JSONEncoder(default=repr).encode


@contextlib.contextmanager
def configured(log_format: Format, level: str) -> Iterator[None]:
    """Write the log to standard error for the time of a block, and what is printed there, too.

    structlog and the standard library's logging write the same lines.
    """
    # grpc's own log would be written by its threads, which have to wait for the reader.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    render = _as_json if log_format == "json" else _as_text(colors=sys.stderr.isatty())
    queue = LineQueue(os.dup(sys.stderr.fileno()), lambda count: render(_dropped(count)))
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[_Line(least, render)],
        logger_factory=lambda name: _Logger(name, queue),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_Handler(queue, render, least)]
    root.setLevel(least)
    with contextlib.redirect_stderr(LogStream(queue)):
        try:
            yield
        finally:
            queue.close(_LAST_SECONDS)


def silence() -> None:
    """Write no log, in a command that reports by itself what it finds."""
    structlog.configure(processors=[_drop])
    logging.disable(logging.CRITICAL)


def _drop(*_: object) -> str:
    raise structlog.DropEvent


class _Logger:
    """The logger of a module, behind structlog's. Its methods take rendered lines."""

    def __init__(self, name: str, queue: LineQueue) -> None:
        self.name = name
        self.debug = self.info = self.warning = self.error = self.exception = queue.put


class _Line:
    """The only processor of structlog: it makes a line of an event.

    A chain of structlog's own processors takes several times as long, for each call.
    """

    def __init__(self, least: int, render: Render) -> None:
        self._least = least
        self._render = render

    def __call__(self, logger: _Logger, method: str, event: "EventDict") -> str:
        level = "error" if method == "exception" else method
        if _LEVELS[level] < self._least:
            raise structlog.DropEvent
        event["level"], event["logger"], event["timestamp"] = level, logger.name, utc_now()
        event = {**structlog.contextvars.get_contextvars(), **event}
        if "exc_info" in event:
            event = with_error(event, self._least)
        return self._render(event)


class _Handler(logging.Handler):
    """Writes the records of the standard library's logging."""

    def __init__(self, queue: LineQueue, render: Render, least: int) -> None:
        super().__init__()
        self._queue = queue
        self._least = least
        self._render = render

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. What a plugin passes in may break, and is not raised."""
        try:
            event: EventDict = {
                **structlog.contextvars.get_contextvars(),
                "event": record.getMessage(),
                "level": record.levelname.lower(),
                "logger": record.name,
                "timestamp": utc_now(),
            }
            if record.exc_info:
                event["exc_info"] = record.exc_info
                event = with_error(event, self._least)
            self._queue.put(self._render(event))
        except Exception:  # noqa: BLE001 - as logging.Handler does
            self.handleError(record)


def with_error(event: "EventDict", least: int) -> "EventDict":
    """Return an event with the traceback of its error, or with the message of an explained one."""
    information = event["exc_info"]
    error = sys.exc_info()[1] if information is True else information
    if isinstance(error, tuple):  # from the standard library's logging
        error = error[1]
    if isinstance(error, _EXPLAINED) and least > logging.DEBUG:
        del event["exc_info"]
        event.setdefault("error", str(error))
    return structlog.processors.format_exc_info(None, "error", event)


_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def _as_json(event: "EventDict") -> str:
    return _encode(event)


def _as_text(*, colors: bool) -> Render:
    renderer = structlog.dev.ConsoleRenderer(colors=colors)

    def render(event: "EventDict") -> str:
        return str(renderer(None, "", event))

    return render


def _dropped(count: int) -> "EventDict":
    return {
        "event": "log lines were dropped, as their reader did not take them",
        "lines": count,
        "level": "warning",
        "logger": __name__,
        "timestamp": utc_now(),
    }
