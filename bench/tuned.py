"""Front end or writer with settings of Python that the product does not have, for trying them.

Run as `python -m bench.tuned FD` for front ends, without an argument for the writer, by
`bench.settings`. BENCH_GC=python undoes what the product tells the garbage collector
(service/kernel/memory.py), off turns collection off; BENCH_SWITCH_S sets how long a thread may keep
the others waiting.
"""

import gc
import os
import sys
from collections.abc import Callable
from typing import Final

from service.cli import front_end
from service.writer import main as writer
from service.writer.loop import Loop

# Python's own: nothing of the product has run when this module is loaded.
THRESHOLDS: Final = gc.get_threshold()


def tune() -> None:
    """Apply what the environment says, in a process that has started up."""
    match os.environ.get("BENCH_GC"):
        case None:
            pass
        case "python":
            gc.unfreeze()
            gc.set_threshold(*THRESHOLDS)
        case "off":
            gc.disable()
        case other:
            raise SystemExit(f"BENCH_GC={other} means nothing")
    if "BENCH_SWITCH_S" in os.environ:
        sys.setswitchinterval(float(os.environ["BENCH_SWITCH_S"]))


class TunedFrontEnd(front_end.FrontEnd):
    def load_config(self) -> None:
        super().load_config()
        self.cfg.set("post_worker_init", _tune_worker)


def _tune_worker(_worker: object) -> None:
    tune()


def main() -> None:
    if len(sys.argv) > 1:
        front_end.FrontEnd = TunedFrontEnd
        front_end.main()
        return
    run = Loop.run

    def tuned(loop: Loop, *, ready: Callable[[], None]) -> None:
        tune()
        run(loop, ready=ready)

    Loop.run = tuned
    sys.exit(writer.main())


if __name__ == "__main__":
    main()
