"""`python -m simcluster --scene small --port 18006 --speed 60`: serve a simulated cluster until interrupted."""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path

from simcluster.scenes import SCENES, add_accounts, from_json
from simcluster.simserver import SimServer
from simcluster.world import World


def _world(options: argparse.Namespace) -> World:
    if options.file:
        return add_accounts(from_json(json.loads(options.file.read_text()), time.time()))
    return SCENES[options.scene](flavour=options.flavour, start=time.time())


def main() -> None:
    """Serve a scene or a scenario file and print how to reach it."""
    parser = argparse.ArgumentParser(prog="python -m simcluster", description="Serve a simulated Proxmox VE cluster over HTTPS.")
    parser.add_argument("--scene", choices=sorted(SCENES), default="small", help="a ready cluster (default: small)")
    parser.add_argument("--file", type=Path, help="a cluster written as JSON, see simcluster/scenario.py")
    parser.add_argument("--flavour", choices=("8", "9"), default="9", help="release of Proxmox VE (default: 9)")
    parser.add_argument("--host", default="127.0.0.1", help="address of the first node (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=18006, help="port of all nodes (default: 18006)")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds of the cluster per second (default: 1)")
    options = parser.parse_args()
    world = _world(options)
    with SimServer(world, options.speed, options.host, options.port) as server:
        print(f"URL      {server.url}\nCA file  {server.ca_file}", flush=True)
        for name, address in server.addresses.items():
            print(f"node     {name}: {address}:{server.port}")
        for name, secret in server.logins.items():
            print(f"login    {name}  {secret}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
