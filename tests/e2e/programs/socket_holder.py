"""What systemd does for a socket unit: ``python socket_holder.py PATH...`` listens and waits.

It prints a line when all sockets listen, in the order of their descriptors from 3 on.
"""

import os
import signal
import socket
import sys
from pathlib import Path

held = []
os.closerange(3, 64)
for path in sys.argv[1:]:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    Path(path).chmod(0o600)
    listening.listen()
    held.append(listening)
sys.stdout.write(f"{' '.join(str(listening.fileno()) for listening in held)}\n")
sys.stdout.flush()
signal.pause()
