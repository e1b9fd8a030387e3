"""A fake daemon's endpoints for ``mynetctl run``: they exist until they are disconnected."""

import threading
from pathlib import Path
from typing import Any

from tests.cli.support.fake import JSON, FakeDaemon, Refusal

SECONDS = 60.0


class Attached:
    """The connected endpoints by id, and the namespaces of all connected processes in order.

    With ``lost`` set, a Connect creates the endpoint but does not answer until the test ends. It
    sets ``arrived`` when the endpoint exists.
    """

    def __init__(self, daemon: FakeDaemon) -> None:
        self.present: dict[str, JSON] = {}
        self.namespaces: list[str] = []
        self.lost = False
        self.arrived, self.over = threading.Event(), threading.Event()
        self.asked = daemon.asked
        daemon.answer("Connect", self._connect)
        daemon.answer("ListEndpoints", self._list)
        daemon.answer("Disconnect", self._disconnect)

    def verbs(self) -> list[str]:
        """Return the verbs that were called, in order."""
        return [verb for verb, _ in self.asked]

    def add(self, name: str, pid: int) -> None:
        """Add an endpoint that another client has connected."""
        self.present[name] = {"id": name, "container_id": "probe", "pid": pid}

    def _connect(self, request: JSON) -> dict[str, Any]:
        if request["network"] != "blue":
            raise Refusal("NOT_FOUND", "NETWORK_NOT_FOUND", "there is no such network")
        name = f"id{len(self.namespaces)}"
        self.present[name] = {**request, "id": name}
        self.namespaces.append(str(Path(f"/proc/{request['pid']}/ns/net").readlink()))
        self.arrived.set()
        if self.lost:
            self.over.wait(SECONDS)
        return {"endpoint": self.present[name]}

    def _list(self, request: JSON) -> dict[str, Any]:
        named = request["container_id"]
        present = self.present.values()
        endpoints = [endpoint for endpoint in present if endpoint["container_id"] == named]
        return {"endpoints": endpoints}

    def _disconnect(self, request: JSON) -> dict[str, Any]:
        return {"endpoints": [self.present.pop(request["endpoint"])]}
