"""The snapshot compiled for searching, and the limits on where a guest may go."""
