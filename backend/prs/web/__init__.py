"""The HTTPS service behind the panel: it checks the caller, reads and plans with the caller's rights, and leaves jobs to the daemon."""
