"""What SIGHUP makes the daemon open or read again."""

from collections.abc import Callable, Mapping

import structlog

from mynet.server.errors import CannotStart

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Reloads = Mapping[str, Callable[[], object]]


def reload(reloads: Reloads) -> None:
    """Run each function, and log which of them failed. What failed stays as it was.

    A function raises CannotStart or OSError if what it reads cannot be used.
    """
    done: list[str] = []
    failures: dict[str, str] = {}
    for name, run in reloads.items():
        try:
            run()
        except (CannotStart, OSError) as error:
            failures[name] = str(error)
        else:
            done.append(name)
    log.info("reloaded", what=done)
    for name, reason in failures.items():
        log.error("not reloaded, and in use as before", what=name, reason=reason)
