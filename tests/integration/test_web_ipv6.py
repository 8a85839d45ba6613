"""An IPv6 client is its whole /64, at a real socket that both families use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(os.getuid() != 0 or not Path("/proc/net/if_inet6").exists(), reason="needs root and IPv6")
def test_guesses_and_connections_are_counted_by_network(tmp_path: Path) -> None:
    """`unshare` is part of every Debian (util-linux); with users of its own, as root of a container may not set up a network."""
    paths = {"PYTHONPATH": f"{HERE.parents[1] / 'backend'}:{HERE.parent}"}
    line = ["unshare", "--user", "--map-root-user", "--net", sys.executable, str(HERE / "ipv6_clients.py"), str(tmp_path / "home")]
    done = subprocess.run(line, env={**os.environ, **paths}, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    assert seen["guesses"] == [401] * 4
    assert (seen["same network"], seen["other"], seen["ipv4"]) == (429, 401, 401)
    assert (seen["served"], seen["open"]) == (200, 100)
    assert "rhost=2001:db8:1:1::1 user=root@pam" in seen["log"]  # the machine itself, for whoever reads the log
    assert "rhost=127.0.0.3 user=root@pam" in seen["log"]  # as firewalls know it, not ::ffff:127.0.0.3
