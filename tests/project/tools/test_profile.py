"""What ``make profile`` makes of the output of strace and py-spy."""

from benchmarks.profiling.counters import counted
from benchmarks.profiling.samples import by_module

# A commit of two pages: two frames with their headers, of which the last one has the mark.
TRACE = r"""
71 sendto(34<NETLINK:[2347]>, [{nlmsg_len=116, nlmsg_type=0x12}, "\0\0"], 116, 0, NULL, 0) = 116
71 sendmsg(33<UNIX-STREAM:[2->3,"/run/mynet/mynetd.sock"]>, {msg_name=NULL}, 0) = 57
72 pwrite64(10</state/mynet.db-wal>, "\0\0\0\3\0\0\0\0"..., 24, 4152) = 24
72 pwrite64(10</state/mynet.db-wal>, "\r\0\0\0\1\17\224\0"..., 4096, 4176) = 4096
72 pwrite64(10</state/mynet.db-wal>, "\0\0\0\7\0\0\0\30"..., 24, 8272) = 24
72 pwrite64(10</state/mynet.db-wal>, "\r\0\0\0\1\17\224\0"..., 4096, 8296) = 4096
72 fdatasync(10</state/mynet.db-wal> <unfinished ...>
71 sendto(35<NETLINK:[2348]>, [[{nlmsg_len=48}], [{nlmsg_len=48}]], 96, 0, NULL, 0) = 96
72 <... fdatasync resumed>) = 0
"""

STACKS = """
run (/x/site-packages/grpc/_server.py:9);connect (/x/src/mynet/server/network/connector.py:5) 3
run (/x/src/mynet/ipam/sqlite/writer.py:4);loads (/py/lib/python3.11/json/__init__.py:7) 2
poll (/x/site-packages/grpc/_server.py:7);wait (/py/lib/python3.11/threading.py:1) 4
_bootstrap (/py/lib/python3.11/threading.py:1) 1
"""


def test_commits_syncs_and_datagrams_are_counted_once() -> None:
    assert counted(TRACE) == {"commits": 1, "fdatasyncs": 1, "netlink datagrams": 2}


def test_a_sample_counts_for_the_module_that_has_called_a_library() -> None:
    assert by_module(STACKS.strip()) == {
        "server/network/connector": 3,
        "ipam/sqlite/writer": 2,
        "grpc": 4,
        "(Python itself)": 1,
    }
