"""The servicer of IPAMService: unpack, call the core, pack."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from mynet.server.addressing.allocations import DEFAULT_BACKEND
from mynet.server.calls.call import Call
from mynet.server.core import Core
from mynet.server.errors import Busy
from mynet.server.services import paging, subnet_formats
from mynet.server.services.answers import Answers, fitting
from mynet.server.services.from_proto import fields
from mynet.server.services.from_proto import ipam as from_proto
from mynet.server.services.from_proto.violations import collect_violations
from mynet.server.services.to_proto import ipam as to_proto
from mynet.v1 import ipam_pb2 as pb


@dataclass(frozen=True, slots=True)
class IPAMService:
    """The RPCs of IPAMService, which ipam.proto documents."""

    core: Core
    # Held while a document is read or written, which takes several times its size in memory.
    turn: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def _document_turn(self, call: Call) -> Iterator[None]:
        """Wait until no other call works on a document. Raises Busy at the call's deadline."""
        if not self.turn.acquire(timeout=call.remaining()):
            raise Busy(
                "another call imports or exports subnets, and has not ended yet; call again in a"
                " moment",
                resource="import and export",
            )
        try:
            yield
        finally:
            self.turn.release()

    def CreateSubnet(self, request: pb.CreateSubnetRequest, call: Call) -> pb.CreateSubnetResponse:
        spec, backend = from_proto.new_subnet(request)
        report = self.core.subnets.create(call, spec, backend)
        return pb.CreateSubnetResponse(subnet=to_proto.subnet(report))

    def DeleteSubnet(self, request: pb.DeleteSubnetRequest, call: Call) -> pb.DeleteSubnetResponse:
        subnet = from_proto.cidr(request.subnet)
        self.core.subnets.delete(call, subnet, allow_missing=request.allow_missing)
        return pb.DeleteSubnetResponse()

    def AllocateAddress(
        self, request: pb.AllocateAddressRequest, call: Call
    ) -> pb.AllocateAddressResponse:
        allocation = self.core.allocations.allocate(call, from_proto.allocation(request))
        return pb.AllocateAddressResponse(allocation=to_proto.allocation(allocation))

    def BatchAllocateAddresses(
        self, request: pb.BatchAllocateAddressesRequest, call: Call
    ) -> pb.BatchAllocateAddressesResponse:
        allocations = self.core.allocations.allocate_batch(call, from_proto.batch(request))
        return pb.BatchAllocateAddressesResponse(allocations=map(to_proto.allocation, allocations))

    def ReleaseAddress(
        self, request: pb.ReleaseAddressRequest, call: Call
    ) -> pb.ReleaseAddressResponse:
        subnet, address, owner = from_proto.release(request)
        released = self.core.releases.release(
            call, subnet, address, owner, allow_missing=request.allow_missing
        )
        return pb.ReleaseAddressResponse(
            allocation=to_proto.allocation(released) if released else None
        )

    def ReleaseOwner(self, request: pb.ReleaseOwnerRequest, call: Call) -> pb.ReleaseOwnerResponse:
        released = self.core.releases.release_owner(call, from_proto.owner(request))
        allocations, omitted = fitting(map(to_proto.allocation, released))
        return pb.ReleaseOwnerResponse(allocations=allocations, omitted_allocations=omitted)

    def ListAllocations(
        self, request: pb.ListAllocationsRequest, call: Call
    ) -> pb.ListAllocationsResponse:
        with collect_violations() as violations:
            page = paging.by_allocation(violations, request)
            subnet = violations.parse_any("subnet", request.subnet, fields.subnet_cidr)
        allocations, token = page.fill(
            partial(self.core.allocation_list.page, call, subnet, request.owner),
            partial(map, to_proto.allocation),
        )
        return pb.ListAllocationsResponse(allocations=allocations, next_page_token=token)

    def GetSubnet(self, request: pb.GetSubnetRequest, call: Call) -> pb.GetSubnetResponse:
        report = self.core.subnets.report(call, from_proto.cidr(request.subnet))
        return pb.GetSubnetResponse(subnet=to_proto.subnet(report))

    def GetSubnetMap(self, request: pb.GetSubnetMapRequest, call: Call) -> pb.GetSubnetMapResponse:
        subnet, prefixlen = from_proto.map_request(request)
        return to_proto.subnet_map(self.core.subnets.map(call, subnet, prefixlen))

    def ListSubnets(self, request: pb.ListSubnetsRequest, call: Call) -> pb.ListSubnetsResponse:
        with collect_violations() as violations:
            page = paging.by_subnet(violations, request)
        subnets, token = page.fill(
            partial(self.core.subnets.reports, call), partial(map, to_proto.subnet)
        )
        return pb.ListSubnetsResponse(subnets=subnets, next_page_token=token)

    def ExportSubnets(self, request: pb.ExportSubnetsRequest, call: Call) -> Answers:
        with collect_violations() as violations:
            subnet_formats.check_format(violations, request.format)
            subnet = violations.parse_any("subnet", request.subnet, fields.subnet_cidr)
        with self._document_turn(call):
            dumps = self.core.import_export.export(call, subnet)
            document = subnet_formats.write(request.format, dumps)
        parts = map(to_proto.export_part, subnet_formats.parts(document))
        return Answers(parts, len(document))

    def ImportSubnets(
        self, requests: Iterator[pb.ImportSubnetsRequest], call: Call
    ) -> pb.ImportSubnetsResponse:
        request, document = from_proto.document(requests)
        with self._document_turn(call):
            with collect_violations() as violations:
                backend = violations.parse("backend", request.backend, fields.text)
                backend = backend or DEFAULT_BACKEND
                dumps = subnet_formats.read(violations, request.format, document, backend)
            transfer = self.core.import_export
            act = transfer.check if request.validate_only else transfer.load
            act(call, dumps, backend)
        subnets, omitted = fitting(map(to_proto.imported, dumps))
        return pb.ImportSubnetsResponse(subnets=subnets, omitted_subnets=omitted)

    def ListBackends(self, _: pb.ListBackendsRequest, call: Call) -> pb.ListBackendsResponse:
        return pb.ListBackendsResponse(backends=map(to_proto.backend, self.core.backends))
