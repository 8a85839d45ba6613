"""Proxmox Rebalancing Service: levels a Proxmox VE cluster and drains its nodes by live migration."""

__version__ = "1.1.0"
