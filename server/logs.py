"""Structured logs on standard error: JSON for machines, plain lines for people.

Every line of a request carries its ``request_id``, including the lines that a plugin logs with the
standard library's ``logging`` while it works on the request.

A traceback is for an error that mynet did not expect. The errors of the core and of the contracts
explain themselves, such as what the kernel of a host refuses. Their lines have the message alone,
except at the level debug.
"""

import logging
import sys
from typing import TYPE_CHECKING, Literal

import structlog

from mynet.drivers.errors import DriverError
from mynet.ipam.errors import IpamError
from mynet.server.errors import MynetError

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

Format = Literal["json", "text"]


_EXPLAINED = (MynetError, DriverError, IpamError)


def explain_error(_logger: "WrappedLogger", _method: str, line: "EventDict") -> "EventDict":
    """Replace the traceback of an error that explains itself by its message."""
    information = line.get("exc_info")
    error = sys.exc_info()[1] if information is True else information
    if isinstance(error, tuple):  # from the standard library's logging
        error = error[1]
    if isinstance(error, _EXPLAINED):
        del line["exc_info"]
        line.setdefault("error", str(error))
    return line


def configure(log_format: Format, level: str) -> None:
    """Set up structlog and the standard library's logging to write the same lines."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *(() if level == "debug" else (explain_error,)),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
