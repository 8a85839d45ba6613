"""The edge to Proxmox VE: the only package that imports proxmoxer."""
