"""What carrying out a plan asks of Proxmox VE."""
