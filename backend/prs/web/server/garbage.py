"""Collects Python's cyclic garbage in a greenlet of its own, never in the middle of a request.

A finalizer may switch greenlets: urllib3 empties a forgotten pool of connections through a queue, whose locks are gevent's and let others
run (gevent/thread.py LockType.acquire). Collected while another greenlet is about to sleep, that takes the wake-up of the other one, which
then sleeps for ever: a request without an end, and with it all that wait for the same answer.
"""

from __future__ import annotations

import gc

import gevent

EVERY = 0.5  # seconds between two looks at what is young
FULL = 60  # such looks from one look at everything to the next


def collect_apart() -> None:
    """Have no greenlet collect by itself any more; what is there by now stays for good and is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.disable()
    gevent.spawn(_collect)


def _collect() -> None:
    while True:
        for _ in range(FULL):
            gevent.sleep(EVERY)
            gc.collect(1)
        gc.collect()
