"""What can go wrong, as a user sees it: one line on standard error, and an exit status."""

from collections.abc import Sequence
from typing import Any

import click

_HINTS = {"Permission denied": "its socket is for root and its group: try sudo"}
_HINT = "start it (mynetd), or say where it is with --address"


class Failed(click.ClickException):
    """The daemon answered with an error: exit status 1."""

    exit_code = 1

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {one_line(text)}")

    def show(self, file: Any = None) -> None:
        """Print the line."""
        complain(self.message)


class Unreachable(Failed):
    """The daemon did not answer: exit status 3."""

    exit_code = 3


def one_line(text: str) -> str:
    """Make one line of a text, whoever wrote it."""
    return " ".join(text.split())


def complain(text: str) -> None:
    """Print a line on standard error."""
    click.echo(f"mynetctl: {one_line(text)}", err=True)


def from_rpc(error: Any, address: str, timeout: float) -> Failed:
    """Turn an RpcError, which is the call too, into what the user is told."""
    from grpc_status import rpc_status

    status = rpc_status.from_call(error)
    code, text = error.code().name, error.details() or ""
    if status is not None:
        reason, faults = _details(status)
        return Failed(reason or code, "; ".join(faults) or status.message)
    if code == "UNAVAILABLE":
        cause = text.rpartition(": ")[2].rstrip("]")
        hint = _HINTS.get(cause, _HINT)
        return Unreachable("UNREACHABLE", f"no mynetd answers at {address} ({cause}); {hint}")
    if code == "DEADLINE_EXCEEDED":
        return Unreachable(
            "TIMEOUT",
            f"mynetd at {address} did not answer within {timeout:g} s; --timeout waits longer."
            " What was asked may have happened all the same",
        )
    return Failed(code, text)


def _details(status: Any) -> tuple[str, Sequence[str]]:
    """Return the reason, and every fault of a request that has some."""
    from google.rpc import error_details_pb2

    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        for kind in (info, request):
            if detail.Is(kind.DESCRIPTOR):
                detail.Unpack(kind)
    return info.reason, [f"{each.field}: {each.description}" for each in request.field_violations]
