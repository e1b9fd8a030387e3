"""Programs that connect sandboxes: mynet, CNI's plugins and netavark, each on a host of its own.

Every peer is called as its users call it: mynet over gRPC, and the CNI plugins and netavark as
programs with JSON on standard input. All of them put a veth pair into a bridge, add an IPv4 address
of the same subnet and a default route, masquerade, and publish TCP ports.
"""

import json
import os
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mynet.drivers.linux import netns
from mynet.v1.network_pb2 import PortMapping
from tests.e2e.support.daemon import Daemon
from tests.e2e.support.testbed import Sandbox, Testbed

SUBNET, GATEWAY = "10.88.0.0/16", "10.88.0.1"
CNI = Path("/usr/lib/cni")
NETAVARK = Path("/usr/lib/podman/netavark")
_FIRST_PORT = 2000  # of the host, with 20 ports for each sandbox


def host_ports(number: int, ports: int) -> range:
    """Return the ports of the host that a sandbox publishes, as its ports from 80 on."""
    first = _FIRST_PORT + 20 * number
    return range(first, first + ports)


class Peer(ABC):
    """Connects and disconnects the sandboxes of a testbed, by their numbers."""

    name = ""

    def __init__(self, testbed: Testbed, folder: Path) -> None:
        self.testbed = testbed
        self.folder = folder

    @abstractmethod
    def connect(self, number: int, ports: int) -> None:
        """Connect sandbox ``c<number>``, with ``ports`` published ports."""

    @abstractmethod
    def disconnect(self, number: int, ports: int) -> None:
        """Disconnect sandbox ``c<number>``."""

    def close(self) -> None:
        """Stop what the peer has started."""

    def path_of(self, number: int) -> str:
        """Return the path of a sandbox's namespace."""
        return f"{self.testbed.root}/run/netns/c{number}"


class Mynet(Peer):
    """The daemon, which answers when its records are on the disk."""

    name = "mynet"

    def __init__(self, testbed: Testbed, folder: Path) -> None:
        super().__init__(testbed, folder)
        self._daemon = Daemon(testbed, f"--state-dir={folder}/state")
        self._daemon.create("blue", SUBNET)

    def connect(self, number: int, ports: int) -> None:
        """Like: mynetctl connect."""
        mappings = [
            PortMapping(host_port=port, container_port=80 + place)
            for place, port in enumerate(host_ports(number, ports))
        ]
        self._daemon.connect(f"c{number}", ports=mappings)

    def disconnect(self, number: int, ports: int) -> None:
        """Like: mynetctl disconnect."""
        self._daemon.disconnect(f"c{number}")

    def close(self) -> None:
        """Stop the daemon."""
        self._daemon.stop()


class Cni(Peer):
    """CNI's chain of plugins: bridge with host-local and ipMasq, then portmap."""

    name = "CNI"

    def connect(self, number: int, ports: int) -> None:
        """Run ADD of each plugin with the result of the plugin before."""
        result: Mapping[str, Any] = {}
        for plugin in ("bridge", "portmap"):
            result = self._run("ADD", plugin, number, ports, result)

    def disconnect(self, number: int, ports: int) -> None:
        """Run DEL of each plugin in reverse order."""
        for plugin in ("portmap", "bridge"):
            self._run("DEL", plugin, number, ports, {})

    def _run(
        self, command: str, plugin: str, number: int, ports: int, result: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        environment = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": f"c{number}",
            "CNI_NETNS": self.path_of(number),
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(CNI),
        }
        config = {
            **self._config(plugin, number, ports),
            **({"prevResult": result} if result else {}),
        }
        printed = run_inside(self.testbed, [CNI / plugin], config, environment)
        return json.loads(printed) if printed else {}

    def _config(self, plugin: str, number: int, ports: int) -> Mapping[str, Any]:
        head = {"cniVersion": "1.0.0", "name": "bench", "type": plugin}
        if plugin == "portmap":
            mappings = [
                {"hostPort": port, "containerPort": 80 + place, "protocol": "tcp"}
                for place, port in enumerate(host_ports(number, ports))
            ]
            return {
                **head,
                "capabilities": {"portMappings": True},
                "runtimeConfig": {"portMappings": mappings},
            }
        ipam = {
            "type": "host-local",
            "dataDir": str(self.folder),
            "ranges": [[{"subnet": SUBNET, "gateway": GATEWAY}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        return {**head, "bridge": "cni0", "isGateway": True, "ipMasq": True, "ipam": ipam}


class Netavark(Peer):
    """The program that podman runs. Podman chooses the address, so the benchmark does it here."""

    name = "netavark"

    def __init__(self, testbed: Testbed, folder: Path) -> None:
        super().__init__(testbed, folder)
        # Allows one call at a time, as podman's lock does. Two concurrent calls delete each other's
        # bridge and chains.
        self._turn = threading.Lock()

    def connect(self, number: int, ports: int) -> None:
        """Like: netavark setup NETNS."""
        self._run("setup", number, ports)

    def disconnect(self, number: int, ports: int) -> None:
        """Like: netavark teardown NETNS."""
        self._run("teardown", number, ports)

    def _run(self, command: str, number: int, ports: int) -> None:
        network = {
            "name": "bench",
            "id": "b" * 64,
            "driver": "bridge",
            "network_interface": "podman0",
            "subnets": [{"subnet": SUBNET, "gateway": GATEWAY}],
            "ipv6_enabled": False,
            "internal": False,
            "dns_enabled": False,
            "ipam_options": {"driver": "host-local"},
        }
        address = f"10.88.{number // 250 + 1}.{number % 250 + 2}"
        config = {
            "container_id": f"{number:064x}",
            "container_name": f"c{number}",
            "networks": {"bench": {"static_ips": [address], "interface_name": "eth0"}},
            "network_info": {"bench": network},
            "port_mappings": [
                {
                    "host_ip": "",
                    "host_port": port,
                    "container_port": 80 + place,
                    "range": 1,
                    "protocol": "tcp",
                }
                for place, port in enumerate(host_ports(number, ports))
            ],
        }
        program: list[str | Path] = [
            NETAVARK,
            "--config",
            self.folder,
            command,
            self.path_of(number),
        ]
        with self._turn:
            run_inside(self.testbed, program, config, {})


PEERS: Sequence[type[Peer]] = (Mynet, Cni, Netavark)


@contextmanager
def hosted(make: type[Peer], folder: Path, sandboxes: int) -> Iterator[Peer]:
    """Yield a peer on a host of its own, with existing sandboxes."""
    folder.mkdir()
    testbed = Testbed(folder)
    try:
        for number in range(sandboxes):
            Sandbox(testbed, f"c{number}")
        peer = make(testbed, folder)
        yield peer
        peer.close()
    finally:
        testbed.close()


def run_inside(
    testbed: Testbed, program: Sequence[str | Path], config: object, environment: Mapping[str, str]
) -> bytes:
    """Run a program in a testbed's network with this machine's files, and return its output."""
    with netns.open_netns(testbed.path) as fd, netns.inside(fd):
        completed = subprocess.run(
            program,
            input=json.dumps(config).encode(),
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
        )
    if completed.returncode:
        raise RuntimeError(f"{program} failed: {(completed.stdout + completed.stderr).decode()}")
    return completed.stdout
