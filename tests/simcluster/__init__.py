"""A simulated Proxmox VE cluster: one implementation of PVE's behaviour with virtual time, asked in-process or over HTTPS."""

from simcluster.errors import Refused, SceneError
from simcluster.inprocess import InProcessApi
from simcluster.world import World

__all__ = ["InProcessApi", "Refused", "SceneError", "World"]
