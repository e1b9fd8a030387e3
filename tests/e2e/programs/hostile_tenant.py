"""A hostile tenant: it sends all that it can from its sandbox, again and again, until it is killed.

Usage, in the sandbox: ``python -m tests.e2e.programs.hostile_tenant INTERFACE SCENE``, where SCENE
is a :class:`Scene` as JSON. It prints a line after each round.
"""

import json
import socket
import sys
from contextlib import suppress
from itertools import chain

from tests.e2e.support.hostile import floods
from tests.e2e.support.hostile.campaign import campaign
from tests.e2e.support.hostile.scene import Party, Scene

_MANY = 500  # frames of each flood in a round


def main() -> None:
    interface, given = sys.argv[1:]
    scene = Scene(**{name: Party(**party) for name, party in json.loads(given).items()})
    frames = [attack.frame for attack in campaign(scene)]
    floods_of_it = (
        floods.mac_addresses(scene, _MANY),
        floods.handshakes(scene, _MANY),
        floods.own_connections(scene, _MANY, 4),
        floods.own_connections(scene, _MANY, 6),
    )
    frames += chain.from_iterable(floods_of_it)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        while True:
            for frame in frames:
                with suppress(OSError):  # the interface may be down
                    raw.send(frame)
            sys.stdout.write("round\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
