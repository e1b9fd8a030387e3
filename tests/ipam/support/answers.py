"""The answers of two backends, in a form in which they must be equal."""

from collections.abc import Callable
from typing import Any, TypeVar

from mynet.ipam.api import Allocation, Backend, Call
from mynet.ipam.errors import IpamError, SubnetExhausted
from mynet.ipam.testing import SampleCall

T = TypeVar("T")


def outcome(backend: Backend, verb: Callable[[Any, Call, T], object], request: T) -> object:
    """Return the answer or error, without the parts in which backends differ."""
    try:
        answer = getattr(backend, verb.__name__)(SampleCall(), request)
    except SubnetExhausted as error:
        return SubnetExhausted, error.resource, round(error.retry_after, 6)
    except IpamError as error:
        return type(error), error.resource, error.holder
    return (
        [essence(allocation) for allocation in answer]
        if isinstance(answer, list)
        else essence(answer)
    )


def essence(answer: object) -> object:
    """Return an answer, and of an allocation all but its time and revision."""
    if not isinstance(answer, Allocation):
        return answer
    names = ("subnet", "address", "owner", "instance", "sticky_key", "labels")
    return [getattr(answer, name) for name in names]
