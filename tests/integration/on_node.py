"""on_node.py NODE PVE HELPER ARGUMENT ...: the command line as on that node, with PVE for /etc/pve and its root helper at HELPER."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from prs.config import load
from prs.helper import client

node = sys.argv[1]
client.PVE, client.SOCKET = Path(sys.argv[2]), Path(sys.argv[3])
socket.gethostname = lambda: node
load.cluster_of = lambda path, pve=None: pve or client.PVE  # the file that is named is the installed one

from prs.cli.main import main  # noqa: E402 - what it loads takes over the places

sys.exit(main(sys.argv[4:]))
