"""The servicer of NetworkService: unpack, call the core, pack."""

from collections.abc import Sequence

import grpc

from mynet.server.core import Core
from mynet.server.model.endpoints import EndpointSelector
from mynet.server.model.networks import NetworkReport
from mynet.server.reconcile.findings import Examination
from mynet.server.services import paging
from mynet.server.services.from_proto import network as from_proto
from mynet.server.services.from_proto.violations import collect_violations
from mynet.server.services.interceptor import current_call
from mynet.server.services.to_proto import network as to_proto
from mynet.v1 import network_pb2 as pb
from mynet.v1 import network_pb2_grpc


class NetworkService(network_pb2_grpc.NetworkServiceServicer):
    """NetworkService; network.proto documents its RPCs."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def _network(self, report: NetworkReport) -> pb.Network:
        (packed,) = self._networks([report])
        return packed

    def _networks(self, reports: Sequence[NetworkReport]) -> Sequence[pb.Network]:
        networks = [report.network for report in reports]
        conditions = self._core.conditions.of(current_call(), networks)
        return [
            to_proto.network(report, conditions.get(report.network.id, ())) for report in reports
        ]

    def CreateNetwork(
        self, request: pb.CreateNetworkRequest, _: grpc.ServicerContext
    ) -> pb.CreateNetworkResponse:
        spec = from_proto.network(request.network, self._core.drivers)
        report = self._core.networks.create(
            current_call(), spec, allow_existing=request.allow_existing
        )
        return pb.CreateNetworkResponse(network=self._network(report))

    def GetNetwork(
        self, request: pb.GetNetworkRequest, _: grpc.ServicerContext
    ) -> pb.GetNetworkResponse:
        report = self._core.networks.get(from_proto.network_selector(request.network))
        return pb.GetNetworkResponse(network=self._network(report))

    def ListNetworks(
        self, request: pb.ListNetworksRequest, _: grpc.ServicerContext
    ) -> pb.ListNetworksResponse:
        with collect_violations() as violations:
            page = paging.by_creation(violations, request)
            labels = from_proto.labels(violations, request.labels)
        rows = self._core.networks.page(labels, page.after, page.limit)
        return pb.ListNetworksResponse(
            networks=self._networks([report for _, report in page.of(rows)]),
            next_page_token=page.next_token(rows),
        )

    def UpdateNetwork(
        self, request: pb.UpdateNetworkRequest, _: grpc.ServicerContext
    ) -> pb.UpdateNetworkResponse:
        selector, change = from_proto.network_change(request)
        report = self._core.network_updates.update(current_call(), selector, change)
        return pb.UpdateNetworkResponse(network=self._network(report))

    def DeleteNetwork(
        self, request: pb.DeleteNetworkRequest, _: grpc.ServicerContext
    ) -> pb.DeleteNetworkResponse:
        selector = from_proto.network_selector(request.network)
        self._core.networks.delete(
            current_call(), selector, force=request.force, allow_missing=request.allow_missing
        )
        return pb.DeleteNetworkResponse()

    def Connect(self, request: pb.ConnectRequest, _: grpc.ServicerContext) -> pb.ConnectResponse:
        spec, sandbox = from_proto.endpoint(request)
        endpoint = self._core.endpoints.connect(current_call(), request.network, spec, sandbox)
        return pb.ConnectResponse(endpoint=to_proto.endpoint(endpoint))

    def UpdateEndpoint(
        self, request: pb.UpdateEndpointRequest, _: grpc.ServicerContext
    ) -> pb.UpdateEndpointResponse:
        selector, change = from_proto.endpoint_change(request)
        endpoint = self._core.endpoint_updates.update(current_call(), selector, change)
        return pb.UpdateEndpointResponse(endpoint=to_proto.endpoint(endpoint))

    def Disconnect(
        self, request: pb.DisconnectRequest, _: grpc.ServicerContext
    ) -> pb.DisconnectResponse:
        selector = from_proto.selector(request, container_alone=True)
        gone = self._core.endpoints.disconnect(
            current_call(), selector, allow_missing=request.allow_missing
        )
        return pb.DisconnectResponse(endpoints=[to_proto.endpoint(endpoint) for endpoint in gone])

    def GetEndpoint(
        self, request: pb.GetEndpointRequest, _: grpc.ServicerContext
    ) -> pb.GetEndpointResponse:
        endpoint = self._core.endpoints.get(from_proto.selector(request))
        return pb.GetEndpointResponse(endpoint=to_proto.endpoint(endpoint))

    def ListEndpoints(
        self, request: pb.ListEndpointsRequest, _: grpc.ServicerContext
    ) -> pb.ListEndpointsResponse:
        with collect_violations() as violations:
            page = paging.by_creation(violations, request)
            labels = from_proto.labels(violations, request.labels)
        selector = EndpointSelector(network=request.network, container_id=request.container_id)
        rows = self._core.endpoints.page(selector, labels, page.after, page.limit)
        return pb.ListEndpointsResponse(
            endpoints=[to_proto.endpoint(endpoint) for _, endpoint in page.of(rows)],
            next_page_token=page.next_token(rows),
        )

    def CheckEndpoint(
        self, request: pb.CheckEndpointRequest, _: grpc.ServicerContext
    ) -> pb.CheckEndpointResponse:
        endpoint, problems = self._core.endpoints.check(
            current_call(), from_proto.selector(request)
        )
        return pb.CheckEndpointResponse(endpoint=to_proto.endpoint(endpoint), problems=problems)

    def ListDrivers(
        self, _request: pb.ListDriversRequest, _: grpc.ServicerContext
    ) -> pb.ListDriversResponse:
        return pb.ListDriversResponse(drivers=map(to_proto.driver, self._core.drivers))

    def Doctor(self, request: pb.DoctorRequest, _: grpc.ServicerContext) -> pb.DoctorResponse:
        examination = Examination(current_call, repair=request.repair)
        self._core.doctor.examine(examination)
        return pb.DoctorResponse(findings=map(to_proto.finding, examination.findings))

    def Backup(self, request: pb.BackupRequest, _: grpc.ServicerContext) -> pb.BackupResponse:
        backup = self._core.backups.make(current_call(), from_proto.backup_path(request.path))
        return pb.BackupResponse(size_bytes=backup.size_bytes, revision=backup.revision)
