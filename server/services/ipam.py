"""IPAMService: unpack, call the core, pack."""

import grpc

from mynet.server.addresses import DEFAULT_BACKEND
from mynet.server.core import Core
from mynet.server.services import documents, pack_book, paging, parsers, unpack_book
from mynet.server.services.faults import gathered
from mynet.server.services.gate import current_call
from mynet.v1 import ipam_pb2 as pb
from mynet.v1 import ipam_pb2_grpc


class IPAMService(ipam_pb2_grpc.IPAMServiceServicer):
    """The address book over gRPC; what each verb means is said in ipam.proto."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def CreateSubnet(
        self, request: pb.CreateSubnetRequest, _: grpc.ServicerContext
    ) -> pb.CreateSubnetResponse:
        wish, backend = unpack_book.new_subnet(request)
        report = self._core.registry.create(current_call(), wish, backend)
        return pb.CreateSubnetResponse(subnet=pack_book.subnet(report))

    def DeleteSubnet(
        self, request: pb.DeleteSubnetRequest, _: grpc.ServicerContext
    ) -> pb.DeleteSubnetResponse:
        subnet = unpack_book.cidr(request.subnet)
        self._core.registry.delete(current_call(), subnet, allow_missing=request.allow_missing)
        return pb.DeleteSubnetResponse()

    def AllocateAddress(
        self, request: pb.AllocateAddressRequest, _: grpc.ServicerContext
    ) -> pb.AllocateAddressResponse:
        allocation = self._core.book.allocate(current_call(), unpack_book.allocation(request))
        return pb.AllocateAddressResponse(allocation=pack_book.allocation(allocation))

    def BatchAllocateAddresses(
        self, request: pb.BatchAllocateAddressesRequest, _: grpc.ServicerContext
    ) -> pb.BatchAllocateAddressesResponse:
        found = self._core.book.allocate_batch(current_call(), unpack_book.batch(request))
        return pb.BatchAllocateAddressesResponse(allocations=map(pack_book.allocation, found))

    def ReleaseAddress(
        self, request: pb.ReleaseAddressRequest, _: grpc.ServicerContext
    ) -> pb.ReleaseAddressResponse:
        subnet, address, owner = unpack_book.release(request)
        released = self._core.book.release(
            current_call(), subnet, address, owner, allow_missing=request.allow_missing
        )
        return pb.ReleaseAddressResponse(
            allocation=pack_book.allocation(released) if released else None
        )

    def ReleaseOwner(
        self, request: pb.ReleaseOwnerRequest, _: grpc.ServicerContext
    ) -> pb.ReleaseOwnerResponse:
        released = self._core.book.release_owner(current_call(), unpack_book.owner(request))
        return pb.ReleaseOwnerResponse(allocations=map(pack_book.allocation, released))

    def ListAllocations(
        self, request: pb.ListAllocationsRequest, _: grpc.ServicerContext
    ) -> pb.ListAllocationsResponse:
        with gathered() as faults:
            page = paging.by_allocation(faults, request)
            subnet = unpack_book.cidr_if_any(faults, request.subnet)
        found = self._core.book.allocations(
            current_call(), subnet, request.owner, page.after, page.limit
        )
        return pb.ListAllocationsResponse(
            allocations=[pack_book.allocation(allocation) for _, allocation in page.of(found)],
            next_page_token=page.next_token(found),
        )

    def GetSubnet(
        self, request: pb.GetSubnetRequest, _: grpc.ServicerContext
    ) -> pb.GetSubnetResponse:
        report = self._core.registry.report(current_call(), unpack_book.cidr(request.subnet))
        return pb.GetSubnetResponse(subnet=pack_book.subnet(report))

    def GetSubnetMap(
        self, request: pb.GetSubnetMapRequest, _: grpc.ServicerContext
    ) -> pb.GetSubnetMapResponse:
        subnet, prefixlen = unpack_book.map_request(request)
        return pack_book.subnet_map(self._core.registry.map(current_call(), subnet, prefixlen))

    def ListSubnets(
        self, request: pb.ListSubnetsRequest, _: grpc.ServicerContext
    ) -> pb.ListSubnetsResponse:
        with gathered() as faults:
            page = paging.by_subnet(faults, request)
        found = self._core.registry.reports(current_call(), page.after, page.limit)
        return pb.ListSubnetsResponse(
            subnets=[pack_book.subnet(report) for _, report in page.of(found)],
            next_page_token=page.next_token(found),
        )

    def ExportSubnets(
        self, request: pb.ExportSubnetsRequest, _: grpc.ServicerContext
    ) -> pb.ExportSubnetsResponse:
        with gathered() as faults:
            documents.check_format(faults, request.format)
            subnet = unpack_book.cidr_if_any(faults, request.subnet)
        dumps = self._core.transfer.export(current_call(), subnet)
        return pb.ExportSubnetsResponse(document=documents.write(request.format, dumps))

    def ImportSubnets(
        self, request: pb.ImportSubnetsRequest, _: grpc.ServicerContext
    ) -> pb.ImportSubnetsResponse:
        with gathered() as faults:
            backend = faults.parse("backend", request.backend, parsers.text) or DEFAULT_BACKEND
            dumps = documents.read(faults, request.format, request.document, backend)
        transfer = self._core.transfer
        act = transfer.check if request.validate_only else transfer.load
        act(current_call(), dumps, backend)
        return pb.ImportSubnetsResponse(subnets=map(pack_book.imported, dumps))

    def ListBackends(
        self, _request: pb.ListBackendsRequest, _: grpc.ServicerContext
    ) -> pb.ListBackendsResponse:
        return pb.ListBackendsResponse(backends=map(pack_book.backend, self._core.backends))
