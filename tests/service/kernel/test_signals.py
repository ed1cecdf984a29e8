"""A signal handler asks another thread, whatever the main thread holds."""

import signal
import threading
import time

from service.kernel.signals import aside


def test_a_handler_may_need_the_lock_that_the_main_thread_holds() -> None:
    lock, done = threading.Lock(), threading.Event()

    def act() -> None:
        with lock:
            done.set()

    before = signal.signal(signal.SIGUSR1, lambda *_: aside(act))
    try:
        with lock:
            signal.raise_signal(signal.SIGUSR1)
            time.sleep(0.01)

        assert done.wait(5)
    finally:
        signal.signal(signal.SIGUSR1, before)
