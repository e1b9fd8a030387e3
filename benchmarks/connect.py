"""Connect and Disconnect, beside CNI's plugins and netavark."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.measure import Line, benchmark, latency_and_rate
from benchmarks.peers import PEERS, hosted

# The number of sandboxes by the number of ports that each publishes. Other programs take seconds.
SANDBOXES = {0: 32, 1: 32, 20: 16}
ALONE = 16  # sandboxes, if one caller connects them in turn


@benchmark("connect")
def connect(folder: Path) -> Iterator[Line]:
    """Connect and disconnect existing sandboxes, by one caller and by 16 at once.

    mynet answers when its records are on the disk. The CNI chain is bridge, host-local, ipMasq and
    portmap.
    """
    with ExitStack() as stack:
        peers = [
            stack.enter_context(hosted(make, folder / make.__name__, max(SANDBOXES.values())))
            for make in PEERS
        ]
        for peer in peers:
            peer.connect(0, 0)  # the first call makes the bridge
            peer.disconnect(0, 0)
        for ports, many in SANDBOXES.items():
            for callers, sandboxes in ((1, ALONE), (16, many)):
                for verb in ("Connect", "Disconnect"):
                    for peer in peers:
                        function = partial(getattr(peer, verb.lower()), ports=ports)
                        what = f"{verb}, {ports} published, {callers} at once: {peer.name}"
                        yield from latency_and_rate(what, function, sandboxes, callers)
