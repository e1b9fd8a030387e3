"""mynetd with the sockets of another process, as systemd starts it.

``python activated_daemon.py PID FD:NAME[,FD:NAME...] [OPTION OF MYNETD]...``
"""

import ctypes
import os
import sys

from mynet.server.main import main

_PIDFD_GETFD = 438
_FIRST, _HIGH = 3, 100  # descriptors

libc = ctypes.CDLL(None, use_errno=True)
holder = os.pidfd_open(int(sys.argv[1]))
passed = [word.split(":") for word in sys.argv[2].split(",")]
taken = [libc.syscall(_PIDFD_GETFD, holder, int(number), 0) for number, _ in passed]
assert min(taken) >= 0, os.strerror(ctypes.get_errno())
high = [os.dup2(number, _HIGH + place) for place, number in enumerate(taken)]
os.closerange(_FIRST, _HIGH)
for place, number in enumerate(high):
    os.dup2(number, _FIRST + place)
os.closerange(_HIGH, _HIGH + len(high))
os.environ |= {
    "LISTEN_PID": str(os.getpid()),
    "LISTEN_FDS": str(len(taken)),
    "LISTEN_FDNAMES": ":".join(name for _, name in passed),
}
sys.argv[1:] = sys.argv[3:]
main()
