"""The C library's allocator, told that this is a server.

glibc gives the top of each thread's heap back to the system as soon as 128 KiB of it are free, and
takes it again, zeroed, for the next bundle. A node that takes in one after the other pays
for that in page faults.
"""

import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""glibc's M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD (mallopt(3))."""
KEPT_BYTES = 32 * 1024 * 1024
STEP_BYTES = 1024 * 1024
LARGEST_BYTES = 4 * 1024 * 1024


def keep_memory() -> bool:
    """Let each heap keep up to 32 MiB and grow by 1 MiB; tell whether the C library does so."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library: it has its own ways
        return False
    settings = {
        _TRIM_THRESHOLD: KEPT_BYTES,
        _TOP_PAD: STEP_BYTES,
        _MMAP_THRESHOLD: LARGEST_BYTES,
    }
    return not [name for name, value in settings.items() if mallopt(name, value) != 1]
