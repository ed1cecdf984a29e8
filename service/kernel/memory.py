"""Tells Python's collector what lives as long as its process. Touches no object itself."""

import gc
from typing import Final

# A command makes hundreds of short-lived objects and hardly a cycle: at Python's own thresholds
# the collector takes a fifth of the writer's time to find nothing.
THRESHOLDS: Final = (10_000, 20, 100)


def settle() -> None:
    """Leave everything made so far out of later collections, and collect less often.

    For the end of a process's start: modules, routes and compiled statements stay for good.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
