"""Errors as users see them: one line on standard error, and an exit status.

::

    click.ClickException
        Failed           1  the daemon refused, or a file cannot be read or written
            Unreachable  3  the daemon did not answer
"""

from collections.abc import Sequence
from typing import Any

import click

from mynet.cli.visible import visible

_HINT = "start it (mynetd), or give its address with --address"
_TLS_HINT = (
    "see that it serves TLS there, and that each side has a valid certificate of an authority that"
    " the other side trusts"
)
_HINTS = {"Permission denied": "only root and the group of its socket may use it: try sudo"}


class Failed(click.ClickException):
    """The daemon refused the request, or a file cannot be read or written."""

    exit_code = 1

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {one_line(text)}")

    def show(self, file: Any = None) -> None:
        """Print the line on standard error."""
        complain(self.message)


class Unreachable(Failed):
    """The daemon did not answer."""

    exit_code = 3


def one_line(text: str) -> str:
    """Return a text on one line, and visible. Plugins and the kernel write several lines."""
    return visible(" ".join(text.split()))


def complain(text: str) -> None:
    """Print a line on standard error."""
    click.echo(f"mynetctl: {one_line(text)}", err=True)


def from_rpc(error: Any, address: str, timeout: float, *, has_tls: bool = False) -> Failed:
    """Return the error that the user sees for an RpcError. That is the call object as well."""
    from grpc_status import rpc_status

    status = rpc_status.from_call(error)
    code, text = error.code().name, error.details() or ""
    if status is not None:
        reason, violations = _details(status)
        return Failed(reason or code, "; ".join(violations) or status.message)
    if code == "UNAVAILABLE":
        cause = text.rpartition(": ")[2].rstrip("]")
        hint = _HINTS.get(cause, _TLS_HINT if has_tls else _HINT)
        return Unreachable("UNREACHABLE", f"no mynetd answers at {address} ({cause}); {hint}")
    if code == "DEADLINE_EXCEEDED":
        return Unreachable(
            "TIMEOUT",
            f"mynetd at {address} did not answer within {timeout:g} s; wait longer with --timeout."
            " The request may still have been carried out",
        )
    return Failed(code, text)


def _details(status: Any) -> tuple[str, Sequence[str]]:
    """Return the reason of an error, and all violations of the request."""
    from google.rpc import error_details_pb2

    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        for kind in (info, request):
            if detail.Is(kind.DESCRIPTOR):
                detail.Unpack(kind)
    violations = [
        f"{violation.field}: {violation.description}" for violation in request.field_violations
    ]
    return info.reason, violations
