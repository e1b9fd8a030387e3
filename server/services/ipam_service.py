"""The servicer of IPAMService: unpack, call the core, pack."""

import grpc

from mynet.server.addressing.allocations import DEFAULT_BACKEND
from mynet.server.core import Core
from mynet.server.services import paging, subnet_formats
from mynet.server.services.from_proto import fields
from mynet.server.services.from_proto import ipam as from_proto
from mynet.server.services.from_proto.violations import collect_violations
from mynet.server.services.interceptor import current_call
from mynet.server.services.to_proto import ipam as to_proto
from mynet.v1 import ipam_pb2 as pb
from mynet.v1 import ipam_pb2_grpc


class IPAMService(ipam_pb2_grpc.IPAMServiceServicer):
    """IPAMService; ipam.proto documents its RPCs."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def CreateSubnet(
        self, request: pb.CreateSubnetRequest, _: grpc.ServicerContext
    ) -> pb.CreateSubnetResponse:
        spec, backend = from_proto.new_subnet(request)
        report = self._core.subnets.create(current_call(), spec, backend)
        return pb.CreateSubnetResponse(subnet=to_proto.subnet(report))

    def DeleteSubnet(
        self, request: pb.DeleteSubnetRequest, _: grpc.ServicerContext
    ) -> pb.DeleteSubnetResponse:
        subnet = from_proto.cidr(request.subnet)
        self._core.subnets.delete(current_call(), subnet, allow_missing=request.allow_missing)
        return pb.DeleteSubnetResponse()

    def AllocateAddress(
        self, request: pb.AllocateAddressRequest, _: grpc.ServicerContext
    ) -> pb.AllocateAddressResponse:
        allocation = self._core.allocations.allocate(current_call(), from_proto.allocation(request))
        return pb.AllocateAddressResponse(allocation=to_proto.allocation(allocation))

    def BatchAllocateAddresses(
        self, request: pb.BatchAllocateAddressesRequest, _: grpc.ServicerContext
    ) -> pb.BatchAllocateAddressesResponse:
        allocations = self._core.allocations.allocate_batch(
            current_call(), from_proto.batch(request)
        )
        return pb.BatchAllocateAddressesResponse(allocations=map(to_proto.allocation, allocations))

    def ReleaseAddress(
        self, request: pb.ReleaseAddressRequest, _: grpc.ServicerContext
    ) -> pb.ReleaseAddressResponse:
        subnet, address, owner = from_proto.release(request)
        released = self._core.allocations.release(
            current_call(), subnet, address, owner, allow_missing=request.allow_missing
        )
        return pb.ReleaseAddressResponse(
            allocation=to_proto.allocation(released) if released else None
        )

    def ReleaseOwner(
        self, request: pb.ReleaseOwnerRequest, _: grpc.ServicerContext
    ) -> pb.ReleaseOwnerResponse:
        released = self._core.allocations.release_owner(current_call(), from_proto.owner(request))
        return pb.ReleaseOwnerResponse(allocations=map(to_proto.allocation, released))

    def ListAllocations(
        self, request: pb.ListAllocationsRequest, _: grpc.ServicerContext
    ) -> pb.ListAllocationsResponse:
        with collect_violations() as violations:
            page = paging.by_allocation(violations, request)
            subnet = from_proto.cidr_if_any(violations, request.subnet)
        rows = self._core.allocations.allocations(
            current_call(), subnet, request.owner, page.after, page.limit
        )
        return pb.ListAllocationsResponse(
            allocations=[to_proto.allocation(allocation) for _, allocation in page.of(rows)],
            next_page_token=page.next_token(rows),
        )

    def GetSubnet(
        self, request: pb.GetSubnetRequest, _: grpc.ServicerContext
    ) -> pb.GetSubnetResponse:
        report = self._core.subnets.report(current_call(), from_proto.cidr(request.subnet))
        return pb.GetSubnetResponse(subnet=to_proto.subnet(report))

    def GetSubnetMap(
        self, request: pb.GetSubnetMapRequest, _: grpc.ServicerContext
    ) -> pb.GetSubnetMapResponse:
        subnet, prefixlen = from_proto.map_request(request)
        return to_proto.subnet_map(self._core.subnets.map(current_call(), subnet, prefixlen))

    def ListSubnets(
        self, request: pb.ListSubnetsRequest, _: grpc.ServicerContext
    ) -> pb.ListSubnetsResponse:
        with collect_violations() as violations:
            page = paging.by_subnet(violations, request)
        rows = self._core.subnets.reports(current_call(), page.after, page.limit)
        return pb.ListSubnetsResponse(
            subnets=[to_proto.subnet(report) for _, report in page.of(rows)],
            next_page_token=page.next_token(rows),
        )

    def ExportSubnets(
        self, request: pb.ExportSubnetsRequest, _: grpc.ServicerContext
    ) -> pb.ExportSubnetsResponse:
        with collect_violations() as violations:
            subnet_formats.check_format(violations, request.format)
            subnet = from_proto.cidr_if_any(violations, request.subnet)
        dumps = self._core.import_export.export(current_call(), subnet)
        return pb.ExportSubnetsResponse(document=subnet_formats.write(request.format, dumps))

    def ImportSubnets(
        self, request: pb.ImportSubnetsRequest, _: grpc.ServicerContext
    ) -> pb.ImportSubnetsResponse:
        with collect_violations() as violations:
            backend = violations.parse("backend", request.backend, fields.text) or DEFAULT_BACKEND
            dumps = subnet_formats.read(violations, request.format, request.document, backend)
        transfer = self._core.import_export
        act = transfer.check if request.validate_only else transfer.load
        act(current_call(), dumps, backend)
        return pb.ImportSubnetsResponse(subnets=map(to_proto.imported, dumps))

    def ListBackends(
        self, _request: pb.ListBackendsRequest, _: grpc.ServicerContext
    ) -> pb.ListBackendsResponse:
        return pb.ListBackendsResponse(backends=map(to_proto.backend, self._core.backends))
