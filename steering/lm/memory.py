"""How much memory there is, and how much some work took at most. In bytes."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

_PROC = Path("/proc/self")
_GROUP = Path("/sys/fs/cgroup")


@dataclass(slots=True)
class Peak:
    """``base``: in use before the work; ``most``: the most in use during it. ``exact`` is False where only the whole process's peak is known."""

    base: int = 0
    most: int = 0
    exact: bool = True


@contextlib.contextmanager
def peak(device: torch.device) -> Iterator[Peak]:
    """Measure the block. On a CPU the whole process counts; elsewhere what torch holds on the device. Never held across a ``yield`` of ours."""
    seen = Peak(base=in_use(device))
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif device.type == "cpu":
        seen.exact = _reset_high_water()
    yield seen
    seen.most = max(seen.base, _high_water(device))


def in_use(device: torch.device) -> int:
    """What the process holds on the device now."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.driver_allocated_memory())
    return _status("VmRSS") or _process_peak()


def available(device: torch.device) -> int | None:
    """What can still be had; None where the machine does not tell. A container's limit counts."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    found = [size for size in (_machine(), _container()) if size is not None]
    return min(found) if found else None


def _machine() -> int | None:
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024
    return None


def _container() -> int | None:
    with contextlib.suppress(OSError, ValueError):
        limit = (_GROUP / "memory.max").read_text().strip()
        if limit != "max":
            return int(limit) - int((_GROUP / "memory.current").read_text())
    return None


def _status(name: str) -> int:
    """A line of /proc/self/status; 0 where there is none."""
    with contextlib.suppress(OSError, ValueError):
        for line in (_PROC / "status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return 0


def _reset_high_water() -> bool:
    """Let the kernel count the process's peak anew (Linux, proc(5): clear_refs)."""
    with contextlib.suppress(OSError):
        (_PROC / "clear_refs").write_text("5")
        return True
    return False


def _high_water(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.driver_allocated_memory())
    return _status("VmHWM") or _process_peak()


def _process_peak() -> int:
    """Of the process's whole life; 0 where the system does not count it."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
