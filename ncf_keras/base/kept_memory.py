"""Memory that a thread frees stays with it, instead of going back to the system and being asked for again."""

import ctypes
import sys

# The numbers of glibc's `mallopt`, from its malloc.h.
M_TOP_PAD, M_MMAP_THRESHOLD = -2, -3
# glibc's heap of a thread, and the largest array that it allows in one.
HEAP, HALF_A_HEAP = 2**26, 2**25


def keep_freed_memory() -> None:
    """Have glibc keep the heaps of threads, for the whole process; other systems stay as they are.

    A thread that makes and drops arrays at the end of a full heap would have glibc map a new heap for each and
    unmap it again; every page of it is then filled with zeros by the system when it is first written.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # Setting one of the two stops glibc from raising the other by itself.
        mallopt(M_TOP_PAD, HEAP)
        mallopt(M_MMAP_THRESHOLD, HALF_A_HEAP)
