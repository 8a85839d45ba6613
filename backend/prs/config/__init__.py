"""prs.conf and its layers, read into immutable settings."""
