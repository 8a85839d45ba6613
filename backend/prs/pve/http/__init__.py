"""One client towards Proxmox VE's API: transport, login, certificates, failures."""
