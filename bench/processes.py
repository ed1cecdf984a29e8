"""CPU and memory of a process with all that it started, as the kernel counts them."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
# Places in /proc/PID/stat after the command: utime, stime, and those of children that ended.
TIMES = (11, 12, 13, 14)


def family(roots: Iterable[int]) -> list[int]:
    """Return processes and all that they started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = list(roots)
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_s(roots: Iterable[int]) -> float:
    """Return the CPU seconds of processes, their children, and children that have ended."""
    total = 0
    for pid in family(roots):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(fields[place]) for place in TIMES)
    return total / TICKS


def cores_left(result: Mapping[str, Any]) -> float:
    """Return how many cores a generator on the same machine left, on average over its load.

    Args:
        result: What bench.load printed.
    """
    return float(len(os.sched_getaffinity(0))) - result["own_cpu_s"] / result["wall"]


def memory_mib(roots: Iterable[int]) -> float:
    """Return the proportional memory of processes and their children, in MiB."""
    total = 0
    for pid in family(roots):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total / 1024
