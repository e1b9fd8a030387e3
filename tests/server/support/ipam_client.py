"""A client of IPAMService that sends and gets a document as one message."""

from collections.abc import Iterator
from typing import Any

import grpc

from mynet.v1 import ipam_pb2, ipam_pb2_grpc

PART = 1 << 18  # characters


class IpamClient(ipam_pb2_grpc.IPAMServiceStub):
    """The stub. Its import and export take and return whole documents."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)  # type: ignore[call-arg]  # declared as __new__
        send, fetch = self.ImportSubnets, self.ExportSubnets

        def load(request: ipam_pb2.ImportSubnetsRequest, **options: Any) -> Any:
            return send(in_parts(request), **options)

        def export(request: ipam_pb2.ExportSubnetsRequest, **options: Any) -> Any:
            parts = [part.document for part in fetch(request, **options)]
            return ipam_pb2.ExportSubnetsResponse(document="".join(parts))

        self.ImportSubnets: Any = load
        self.ExportSubnets: Any = export


def in_parts(
    request: ipam_pb2.ImportSubnetsRequest,
) -> Iterator[ipam_pb2.ImportSubnetsRequest]:
    """Yield a request as requests with parts of its document."""
    for begin in range(0, len(request.document) or 1, PART):
        part = ipam_pb2.ImportSubnetsRequest()
        part.CopyFrom(request)
        part.document = request.document[begin : begin + PART]
        yield part
