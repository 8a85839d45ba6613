"""`setup`: gives the service an account of its own on the node it runs on, with Proxmox VE's own tools, and takes it away again."""
