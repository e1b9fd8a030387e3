"""What two backends are to have in common, answer by answer."""

from collections.abc import Callable
from typing import Any, TypeVar

from mynet.ipam.api import Allocation, Backend, Call
from mynet.ipam.errors import IpamError, SubnetExhausted
from mynet.ipam.testing import SampleCall

T = TypeVar("T")


def outcome(backend: Backend, verb: Callable[[Any, Call, T], object], request: T) -> object:
    """Return what it answers or raises, without what differs from one backend to another."""
    try:
        answer = getattr(backend, verb.__name__)(SampleCall(), request)
    except SubnetExhausted as error:
        return SubnetExhausted, error.resource, round(error.retry_after, 6)
    except IpamError as error:
        return type(error), error.resource, error.holder
    return [essence(each) for each in answer] if isinstance(answer, list) else essence(answer)


def essence(answer: object) -> object:
    """Return an answer; an allocation without its time and revision."""
    if not isinstance(answer, Allocation):
        return answer
    names = ("subnet", "address", "owner", "instance", "sticky_key", "labels")
    return [getattr(answer, name) for name in names]
