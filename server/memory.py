"""The C library's allocator, which by default keeps what large messages occupied.

glibc takes large blocks straight from the kernel, and gives them back when they are freed. But with
each freed block it raises the size from which it does so, up to 32 MiB. After the first large
message, the others come from pools, of which it has one for each thread, and stay there.
"""

import contextlib
import ctypes

_M_MMAP_THRESHOLD = -3  # <malloc.h>
_THRESHOLD = 128 << 10  # bytes: glibc's own value at the start


def return_large_blocks() -> None:
    """Make the allocator give every large block back to the kernel. Source: mallopt(3)."""
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)


def trim() -> None:
    """Give the free memory of the allocator back to the kernel. Source: malloc_trim(3)."""
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
