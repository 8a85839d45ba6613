"""Garbage with a finalizer that switches greenlets is collected, and nobody who sleeps meanwhile is forgotten."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import gc, gevent
from prs.web.server.garbage import EVERY, collect_apart

class Pool:
    def __init__(self):
        self.itself = self
    def __del__(self):
        gevent.sleep(0)  # as the lock of a queue does
        gone.append(1)

def forgetful():
    for _ in range(2000):
        Pool()
        [[] for _ in range(50)].append(1)
        gevent.sleep(0)

gone = []
collect_apart()
at_work = [gevent.spawn(forgetful) for _ in range(3)]
assert len(gevent.joinall(at_work, timeout=60)) == 3, "a sleeper was forgotten"
gevent.sleep(3 * EVERY)
assert gone and not gc.isenabled()
print("whole")
"""


def test_nobody_who_sleeps_is_forgotten() -> None:
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, env=paths)
    assert done.stdout == "whole\n", done.stderr
