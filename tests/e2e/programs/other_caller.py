"""A caller of another process: ``python other_caller.py PATH UID CONNECTIONS [NAME]``.

As user UID it makes connections, the first of them from a socket with the abstract name NAME. There
it calls DeleteNetwork for the network "forged". It ends with its standard input.
"""

import os
import socket
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[3])

from tests.e2e.support.hostile_clients import http2  # noqa: E402 - found by the line above

_REQUEST = b"\n\x06forged"  # DeleteNetworkRequest(network="forged")

path, uid, connections, *names = sys.argv[1:]
os.chdir(Path(path).parent)  # which another user may not find by itself
path = Path(path).name


def _connected(path: Path) -> socket.socket:
    near = socket.socket(socket.AF_UNIX)
    for name in names:
        near.bind(f"\0{name}")
    near.connect(str(path))
    return near


os.setgid(int(uid))
os.setuid(int(uid))
http2.connected = _connected
client = http2.HostileClient(Path(path))
client.call(f"{http2.NETWORKS}DeleteNetwork", _REQUEST)
names.clear()
idle = [_connected(Path(path)) for _ in range(int(connections) - 1)]
sys.stdin.read()
client.close()
