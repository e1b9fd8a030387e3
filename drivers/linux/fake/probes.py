"""The probes of the kernel in memory: they are answered if the link that they leave by is up."""

from collections.abc import Sequence

from mynet.drivers.errors import SandboxNotFound
from mynet.drivers.linux.fake.control import Control, Subject
from mynet.drivers.linux.fake.link_table import LinkTable
from mynet.drivers.linux.fake.sandboxes import SandboxTable
from mynet.drivers.linux.interface.probes import Probes
from mynet.drivers.linux.values.echo import EchoRequest


class FakeProbes(Subject, protocol=Probes):
    """Implements :class:`~mynet.drivers.linux.interface.probes.Probes` in memory."""

    def __init__(self, control: Control, table: LinkTable, sandboxes: SandboxTable) -> None:
        super().__init__(control)
        self._table = table
        self._sandboxes = sandboxes

    def echo(self, requests: Sequence[EchoRequest], deadline: float) -> Sequence[str | None]:
        """Return why no answer comes: the sandbox or the link is not there, or down."""
        return [self._outcome(request) for request in requests]

    def _outcome(self, request: EchoRequest) -> str:
        try:
            cookie = self._sandboxes.enter(request.sandbox)
        except SandboxNotFound as error:
            return f"it cannot be sent: {error}"
        if not request.interface:
            return ""
        entry = self._table.find(request.interface, cookie)
        return "" if entry and entry.link.up else "it cannot be sent: No such device"
