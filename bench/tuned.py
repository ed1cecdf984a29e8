"""Front end or writer with settings of Python that the product does not have, for trying them.

Run as `python -m bench.tuned FD` for front ends, without an argument for the writer, by
`bench.settings`. BENCH_GC=freeze puts what start-up made out of the garbage collector's sight, off
turns it off; BENCH_SWITCH_S sets how long a thread may keep the others waiting.
"""

import gc
import os
import sys
from collections.abc import Callable

from service.cli import front_end
from service.writer import main as writer
from service.writer.loop import Loop


def tune() -> None:
    """Apply what the environment says, in a process that has started up."""
    match os.environ.get("BENCH_GC"):
        case "freeze":
            gc.collect()
            gc.freeze()
        case "off":
            gc.disable()
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
