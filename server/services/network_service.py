"""The servicer of NetworkService: unpack, call the core, pack."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from mynet.server.calls.call import Call
from mynet.server.core import Core
from mynet.server.model.endpoints import Endpoint, EndpointSelector
from mynet.server.model.networks import NetworkReport
from mynet.server.network.endpoints import REMOVED_AT_ONCE
from mynet.server.reconcile.findings import Examination
from mynet.server.services import batches, paging
from mynet.server.services.answers import Answers, fitting, fitting_texts
from mynet.server.services.from_proto import network as from_proto
from mynet.server.services.from_proto.violations import collect_violations
from mynet.server.services.to_proto import network as to_proto
from mynet.v1 import network_pb2 as pb


@dataclass(frozen=True, slots=True)
class NetworkService:
    """The RPCs of NetworkService, which network.proto documents."""

    core: Core

    def _network(self, report: NetworkReport, call: Call) -> pb.Network:
        (packed,) = self._networks([report], call)
        return packed

    def _networks(self, reports: Sequence[NetworkReport], call: Call) -> Sequence[pb.Network]:
        networks = [report.network for report in reports]
        conditions = self.core.conditions.of(call, networks)
        return [
            to_proto.network(report, conditions.get(report.network.id, ())) for report in reports
        ]

    def _connect(self, request: pb.ConnectRequest, call: Call) -> Endpoint:
        spec, sandbox = from_proto.endpoint(request)
        return self.core.connector.connect(call, request.network, spec, sandbox)

    def _disconnect(self, request: pb.DisconnectRequest, call: Call) -> Sequence[Endpoint]:
        selector = from_proto.selector(request, container_alone=True)
        return self.core.endpoints.disconnect(call, selector, allow_missing=request.allow_missing)

    def CreateNetwork(
        self, request: pb.CreateNetworkRequest, call: Call
    ) -> pb.CreateNetworkResponse:
        spec = from_proto.network(request, self.core.drivers)
        report = self.core.networks.create(call, spec, allow_existing=request.allow_existing)
        return pb.CreateNetworkResponse(network=self._network(report, call))

    def GetNetwork(self, request: pb.GetNetworkRequest, call: Call) -> pb.GetNetworkResponse:
        report = self.core.networks.get(call, from_proto.network_selector(request.network))
        return pb.GetNetworkResponse(network=self._network(report, call))

    def ListNetworks(self, request: pb.ListNetworksRequest, call: Call) -> pb.ListNetworksResponse:
        with collect_violations() as violations:
            page = paging.by_creation(violations, request)
            labels = violations.texts("labels", request.labels)
        networks, token = page.fill(
            partial(self.core.networks.page, call, labels),
            lambda reports: self._networks(reports, call),
        )
        return pb.ListNetworksResponse(networks=networks, next_page_token=token)

    def UpdateNetwork(
        self, request: pb.UpdateNetworkRequest, call: Call
    ) -> pb.UpdateNetworkResponse:
        selector, change = from_proto.network_change(request)
        report = self.core.network_updates.update(call, selector, change)
        return pb.UpdateNetworkResponse(network=self._network(report, call))

    def DeleteNetwork(
        self, request: pb.DeleteNetworkRequest, call: Call
    ) -> pb.DeleteNetworkResponse:
        selector = from_proto.network_selector(request.network)
        self.core.networks.delete(
            call, selector, force=request.force, allow_missing=request.allow_missing
        )
        return pb.DeleteNetworkResponse()

    def Connect(self, request: pb.ConnectRequest, call: Call) -> pb.ConnectResponse:
        return pb.ConnectResponse(endpoint=to_proto.endpoint(self._connect(request, call)))

    def BatchConnect(self, request: pb.BatchConnectRequest, call: Call) -> pb.BatchConnectResponse:
        from_proto.require_batch(request.requests, from_proto.endpoint_key)
        endpoints = batches.Endpoints()
        outcomes = [
            pb.ConnectOutcome(failure=batches.failure(place, error))
            if (error := made.exception())
            else pb.ConnectOutcome(endpoint=endpoints.pack(made.result()))
            for place, made in enumerate(
                batches.run(
                    self.core.parallel,
                    call,
                    self._connect,
                    request.requests,
                    batches.CONNECTS_AT_ONCE,
                )
            )
        ]
        return pb.BatchConnectResponse(outcomes=outcomes, shortened_endpoints=endpoints.shortened)

    def UpdateEndpoint(
        self, request: pb.UpdateEndpointRequest, call: Call
    ) -> pb.UpdateEndpointResponse:
        selector, change = from_proto.endpoint_change(request)
        endpoint = self.core.endpoint_updates.update(call, selector, change)
        return pb.UpdateEndpointResponse(endpoint=to_proto.endpoint(endpoint))

    def Disconnect(self, request: pb.DisconnectRequest, call: Call) -> pb.DisconnectResponse:
        gone = self._disconnect(request, call)
        endpoints, omitted = fitting(map(to_proto.endpoint, gone))
        return pb.DisconnectResponse(endpoints=endpoints, omitted_endpoints=omitted)

    def BatchDisconnect(
        self, request: pb.BatchDisconnectRequest, call: Call
    ) -> pb.BatchDisconnectResponse:
        from_proto.require_batch(request.requests, from_proto.selector_key)
        endpoints = batches.Endpoints()
        outcomes = [
            pb.DisconnectOutcome(failure=batches.failure(place, error))
            if (error := gone.exception())
            else pb.DisconnectOutcome(endpoints=map(endpoints.pack, gone.result()))
            for place, gone in enumerate(
                batches.run(
                    self.core.parallel, call, self._disconnect, request.requests, REMOVED_AT_ONCE
                )
            )
        ]
        return pb.BatchDisconnectResponse(
            outcomes=outcomes, shortened_endpoints=endpoints.shortened
        )

    def GetEndpoint(self, request: pb.GetEndpointRequest, call: Call) -> pb.GetEndpointResponse:
        endpoint = self.core.endpoints.finder.one(from_proto.selector(request), call.caller.scope)
        return pb.GetEndpointResponse(endpoint=to_proto.endpoint(endpoint))

    def ListEndpoints(
        self, request: pb.ListEndpointsRequest, call: Call
    ) -> pb.ListEndpointsResponse:
        with collect_violations() as violations:
            page = paging.by_creation(violations, request)
            labels = violations.texts("labels", request.labels)
        selector = EndpointSelector(network=request.network, container_id=request.container_id)
        endpoints, token = page.fill(
            partial(self.core.endpoints.page, call, selector, labels),
            partial(map, to_proto.endpoint),
        )
        return pb.ListEndpointsResponse(endpoints=endpoints, next_page_token=token)

    def CheckEndpoint(
        self, request: pb.CheckEndpointRequest, call: Call
    ) -> pb.CheckEndpointResponse:
        endpoint, problems, notes = self.core.endpoints.check(call, from_proto.selector(request))
        return pb.CheckEndpointResponse(
            endpoint=to_proto.endpoint(endpoint), problems=problems, notes=notes
        )

    def ListDrivers(self, _: pb.ListDriversRequest, call: Call) -> pb.ListDriversResponse:
        return pb.ListDriversResponse(drivers=map(to_proto.driver, self.core.drivers))

    def Doctor(self, request: pb.DoctorRequest, call: Call) -> pb.DoctorResponse:
        examination = Examination(lambda: call, repair=request.repair)
        self.core.doctor.examine(examination)
        probes = self.core.doctor.probe(call, examination) if request.probe else ()
        findings, omitted = fitting(map(to_proto.finding, examination.findings))
        return pb.DoctorResponse(
            findings=findings,
            omitted_findings=omitted,
            unexamined=fitting_texts(examination.unexamined),
            probes=map(to_proto.probe, probes),
            notes=fitting_texts(examination.notes),
        )

    def Backup(self, request: pb.BackupRequest, call: Call) -> Answers:
        if name := from_proto.backup_name(request.path):
            backup = self.core.backups.make_named(call, name)
            return Answers(iter([to_proto.backup_part(backup)]))
        backup, file = self.core.backups.open(call)
        return Answers(to_proto.backup_parts(backup, file))
