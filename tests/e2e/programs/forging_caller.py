"""A caller that takes an abstract name before it connects: ``python forging_caller.py NAME PATH``.

It calls DeleteNetwork for the network "forged", and ends with its standard input.
"""

import socket
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[3])

from tests.e2e.support import http2  # noqa: E402 - found by the line above

_REQUEST = b"\n\x06forged"  # DeleteNetworkRequest(network="forged")


def _connected(path: Path) -> socket.socket:
    forger = socket.socket(socket.AF_UNIX)
    forger.bind(f"\0{sys.argv[1]}")
    forger.connect(str(path))
    return forger


http2.connected = _connected
client = http2.HostileClient(Path(sys.argv[2]))
client.call(f"{http2.NETWORKS}DeleteNetwork", _REQUEST)
sys.stdin.read()
client.close()
