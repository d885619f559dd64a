"""Has the C allocator keep large blocks: glibc gives each back, and page faults follow."""

from __future__ import annotations

import ctypes
import sys

# From glibc's malloc.h.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3


def keep_large_blocks() -> None:
    """Have freed blocks up to 1 GiB reused by this process. Other allocators are left alone.

    A batch's tensors of 20 to 80 MB would otherwise be mapped and unmapped in every layer, which
    costs a third of the time of a GoogLeNet on the CPU.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, 1 << 30)
        mallopt(TRIM_THRESHOLD, 2**31 - 1)
