"""Batches: requests that one call brings together, each with an outcome of its own."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

import structlog
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2

from mynet.server.calls.call import Call, require_caller
from mynet.server.calls.parallel import Parallel
from mynet.server.model.endpoints import Endpoint
from mynet.server.services.answers import LARGEST_BYTES
from mynet.server.services.status import to_status
from mynet.server.services.to_proto import network as to_proto
from mynet.v1 import network_pb2 as pb

R = TypeVar("R", bound=Message)
T = TypeVar("T")

# Connects that are worked on at a time: they wait for the disk. More of them only wait for Python's
# interpreter lock: with 16, a batch took 40 % longer.
CONNECTS_AT_ONCE = 4
_SHARE_OF_TIME = 0.9  # for the requests, of what the call has left

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def run(
    parallel: Parallel,
    call: Call,
    function: Callable[[R, Call], T],
    requests: Iterable[R],
    at_once: int,
) -> Sequence[Future[T]]:
    """Call a function for each request, ``at_once`` at a time; return the outcomes in order.

    A request that has not begun when the caller goes away fails with CallerGone. The requests have
    less time than the call, so that a request that takes too long does not cost the other outcomes.
    """
    part = call.within(_SHARE_OF_TIME * call.remaining())

    def answer(request: R) -> T:
        require_caller(call)
        return function(request, part)

    return parallel.run([partial(answer, request) for request in requests], at_once)


class Endpoints:
    """Packs the endpoints of an answer: as a whole, as long as the answer has room for them."""

    def __init__(self) -> None:
        # The number of endpoints that were packed without most of their fields.
        self.shortened = 0
        self._size = 0

    def pack(self, endpoint: Endpoint) -> pb.Endpoint:
        """Return the message of an endpoint."""
        packed = to_proto.endpoint(endpoint)
        self._size += packed.ByteSize()
        if self._size <= LARGEST_BYTES:
            return packed
        self.shortened += 1
        return pb.Endpoint(
            id=packed.id,
            network=packed.network,
            network_id=packed.network_id,
            container_id=packed.container_id,
            addresses=packed.addresses,
        )


def failure(place: int, error: BaseException) -> pb.Failure:
    """Return the message of an error, and log it with the place of its request in the batch."""
    if not isinstance(error, Exception):
        raise error
    status = to_status(error)
    code = code_pb2.Code.Name(status.code)
    line = {"place": place, "code": code, "error": str(error)}
    if status.code == code_pb2.INTERNAL:
        log.error("request of a batch failed", **line, exc_info=error)
    else:
        log.info("request of a batch failed", **line)
    info, wrong, retry = details = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    for packed in status.details:
        for detail in details:
            packed.Unpack(detail)
    return pb.Failure(
        code=code,
        reason=info.reason,
        message=status.message,
        violations=[
            pb.FieldViolation(field=violation.field, description=violation.description)
            for violation in wrong.field_violations
        ],
        retry_delay=retry.retry_delay if retry.HasField("retry_delay") else None,
    )
