"""IPAMService: unpack, call the core, pack."""

import grpc

from mynet.server.core import Core
from mynet.server.services import pack, paging, unpack
from mynet.server.services.faults import gathered
from mynet.server.services.gate import current_call
from mynet.v1 import ipam_pb2 as pb
from mynet.v1 import ipam_pb2_grpc


class IPAMService(ipam_pb2_grpc.IPAMServiceServicer):
    """The address book over gRPC; what each verb means is said in ipam.proto."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def AllocateAddress(
        self, request: pb.AllocateAddressRequest, _: grpc.ServicerContext
    ) -> pb.AllocateAddressResponse:
        subnet, owner, address = unpack.allocation(request)
        allocation = self._core.book.allocate(current_call(), subnet, owner, address)
        return pb.AllocateAddressResponse(allocation=pack.allocation(allocation))

    def ReleaseAddress(
        self, request: pb.ReleaseAddressRequest, _: grpc.ServicerContext
    ) -> pb.ReleaseAddressResponse:
        subnet, address, owner = unpack.release(request)
        released = self._core.book.release(
            current_call(), subnet, address, owner, allow_missing=request.allow_missing
        )
        return pb.ReleaseAddressResponse(allocation=pack.allocation(released) if released else None)

    def ListAllocations(
        self, request: pb.ListAllocationsRequest, _: grpc.ServicerContext
    ) -> pb.ListAllocationsResponse:
        with gathered() as faults:
            page = paging.by_allocation(faults, request)
            subnet = unpack.cidr_if_any(faults, request.subnet)
        found = self._core.book.allocations(
            current_call(), subnet, request.owner, page.after, page.limit
        )
        return pb.ListAllocationsResponse(
            allocations=[pack.allocation(allocation) for _, allocation in page.of(found)],
            next_page_token=page.next_token(found),
        )

    def GetSubnet(
        self, request: pb.GetSubnetRequest, _: grpc.ServicerContext
    ) -> pb.GetSubnetResponse:
        report = self._core.book.report(current_call(), unpack.cidr(request.subnet))
        return pb.GetSubnetResponse(subnet=pack.subnet(report))

    def ListSubnets(
        self, request: pb.ListSubnetsRequest, _: grpc.ServicerContext
    ) -> pb.ListSubnetsResponse:
        with gathered() as faults:
            page = paging.by_subnet(faults, request)
        found = self._core.book.reports(current_call(), page.after, page.limit)
        return pb.ListSubnetsResponse(
            subnets=[pack.subnet(report) for _, report in page.of(found)],
            next_page_token=page.next_token(found),
        )

    def ListBackends(
        self, _request: pb.ListBackendsRequest, _: grpc.ServicerContext
    ) -> pb.ListBackendsResponse:
        return pb.ListBackendsResponse(backends=map(pack.backend, self._core.backends))
