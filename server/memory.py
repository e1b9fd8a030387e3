"""What the daemon keeps in memory: the modules it imports, and what large messages occupied.

glibc takes large blocks straight from the kernel, and gives them back when they are freed. But with
each freed block it raises the size from which it does so, up to 32 MiB. After the first large
message, the others come from pools, of which it has one for each thread, and stay there.
"""

import contextlib
import ctypes
import gc
from collections.abc import Iterator

_M_MMAP_THRESHOLD = -3  # <malloc.h>
_M_ARENA_MAX = -8
_ARENAS = 2  # pools that threads share; by default each core has eight, and each keeps some memory
_THRESHOLD = 128 << 10  # bytes: glibc's own value at the start


@contextlib.contextmanager
def permanent() -> Iterator[None]:
    """Exclude what a block of imports creates from the search for garbage, then and later.

    Modules, classes and functions stay until the process ends. Python would search them several
    times while they are imported, again while it serves, and twice when it ends.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def return_large_blocks() -> None:
    """Make the allocator give every large block back to the kernel. Source: mallopt(3)."""
    with contextlib.suppress(AttributeError, OSError):  # another C library
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)
        library.mallopt(_M_ARENA_MAX, _ARENAS)


def trim() -> None:
    """Give the free memory of the allocator back to the kernel. Source: malloc_trim(3)."""
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
