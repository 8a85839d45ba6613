"""Plans for the coming day: what loads are expected by half hour, what levels them, and whether it is worth it."""
