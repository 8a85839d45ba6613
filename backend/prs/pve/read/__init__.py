"""What Proxmox VE answers, as nouns of the model."""
