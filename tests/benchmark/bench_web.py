"""The web service under twenty panels, idle and slow clients: how fast a poll is, how much memory it holds, how often it asks PVE."""

from __future__ import annotations

import http.client
import socket
import ssl
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import lifeline
from integration.hostile import api, plain, request, secure
from integration.web_house import PREFIX, House, Person, house
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.world import World

PANELS, EVERY, SECONDS = 20, 2.0, 30.0  # as the panel polls a running job
IDLE = 20.0
SILENT, SLOW = 300, 50  # clients that say nothing, and that send a body a byte at a time, from ten addresses


class Panel(threading.Thread):
    """One open panel: polls the job over a kept connection with the ETag it has, as a browser does."""

    def __init__(self, home: House, who: Person, job: str, first: float) -> None:
        super().__init__()
        self._home, self._who, self._job, self._first = home, who, job, first
        self.times: list[float] = []
        self.unchanged = 0
        self.stop = threading.Event()

    def run(self) -> None:
        """Poll until stopped."""
        context = ssl.create_default_context(cafile=self._home.ca_file)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        connection = http.client.HTTPSConnection(self._home.address, self._home.port, context=context, timeout=10)
        tag = ""
        self.stop.wait(self._first)
        while not self.stop.is_set():
            start = time.perf_counter()
            connection.request("GET", f"{PREFIX}/jobs/{self._job}", headers={**self._who.headers, "If-None-Match": tag})
            response = connection.getresponse()
            response.read()
            self.times.append(time.perf_counter() - start)
            assert response.status in (200, 304), response.status
            self.unchanged += response.status == 304
            tag = response.headers["ETag"]
            self.stop.wait(EVERY)
        connection.close()


class Crowd(threading.Thread):
    """Silent and slow clients that come back as soon as they are thrown out."""

    def __init__(self, home: House) -> None:
        super().__init__()
        self._home, self.stop, self.came = home, threading.Event(), 0

    def run(self) -> None:
        """Keep all of them connected until stopped."""
        with ExitStack() as stack:
            found: list[socket.socket | None] = [None] * (SILENT + SLOW)
            while not self.stop.is_set():
                for number, sock in enumerate(found):
                    if sock is None or self._gone(sock, slow=number >= SILENT):
                        found[number] = self._come(stack, number)
                self.stop.wait(0.5)

    def _come(self, stack: ExitStack, number: int) -> socket.socket | None:
        source = f"127.0.77.{1 + number % 10}"
        with suppress(OSError):
            sock = stack.enter_context(plain(self._home, source) if number < SILENT else secure(self._home, source))
            if number >= SILENT:
                sock.sendall(request(self._home, "POST", api("/login"), "Content-Type: application/json", "Content-Length: 60000"))
            sock.setblocking(False)
            self.came += 1
            return sock
        return None

    @staticmethod
    def _gone(sock: socket.socket, slow: bool) -> bool:
        try:
            if slow:
                sock.send(b" ")
            return sock.recv(1000) == b""
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            return True


def scene() -> World:
    """Twenty-two guests, twenty of them on the node to drain."""
    guests = {str(100 + n): {"name": f"vm{n}", "node": "pve1" if n < 20 else "pve2", "memory": 2, "max": 4} for n in range(22)}
    nodes = {f"pve{n}": {"memory": 64, "cpu": 16, "host": 2} for n in (1, 2, 3)}
    return add_accounts(from_json({"nodes": nodes, "guests": guests}, time.time()))


def memory(home: House) -> tuple[int, int]:
    """Resident and proportional bytes of the web service's processes together (shared memory counts once in the second)."""
    master = home.processes["web"].pid
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    found = {"Rss:": 0, "Pss:": 0}
    for pid in [str(master), *children]:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            word = line.split()[0]
            if word in found:
                found[word] += int(line.split()[1]) * 1024
    return found["Rss:"], found["Pss:"]


def calls(home: House, seconds: float) -> float:
    """Calls to PVE per minute, of all services of the node, over the next `seconds`."""
    requests = home.server.world.requests
    before = sum(requests.values())
    time.sleep(seconds)
    return (sum(requests.values()) - before) * 60 / seconds


def main() -> None:
    """Print the figures and hold the limits."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, house(Path(folder) / "home", scene(), speed=4.0) as home:
        home.start_web()
        home.start_daemon()
        root = home.log_in("root@pam")
        time.sleep(1)
        idle = calls(home, IDLE)
        plan = root.post("/plans", {"kind": "drain", "node": "pve1"})
        job = root.post("/jobs", {"plan": plan["id"]})["id"]
        panels = [Panel(home, root, job, EVERY * number / PANELS) for number in range(PANELS)]
        crowd = Crowd(home)
        threads: list[Crowd | Panel] = [crowd, *panels]
        for thread in threads:
            thread.start()
        busy = calls(home, SECONDS)
        assert root.get(f"/jobs/{job}")["state"] == "running"
        resident, proportional = memory(home)
        for thread in threads:
            thread.stop.set()
        for thread in threads:
            thread.join()
        times = sorted(value for panel in panels for value in panel.times)
        unchanged = sum(panel.unchanged for panel in panels)
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{PANELS} panels poll GET /jobs/ID every {EVERY:.0f} s while a drain runs, beside {SILENT} silent and {SLOW} slow clients "
              f"(which came {crowd.came} times; they and the simulated cluster share the processor)")  # fmt: skip
        print(f"  {len(times)} polls, {unchanged} of them 304: median {1000 * statistics.median(times):.1f} ms, p95 {1000 * p95:.1f} ms, "
              f"slowest {1000 * times[-1]:.1f} ms")  # fmt: skip
        print(f"  memory of master and worker: {proportional / 2**20:.0f} MiB with shared pages once ({resident / 2**20:.0f} twice)")
        print(f"  calls to PVE per minute: {idle:.0f} when idle, {busy:.0f} while the job runs")
        assert idle == 0
        assert proportional < 80 * 2**20
        assert p95 < 0.5


if __name__ == "__main__":
    lifeline.end_in_order()
    main()
