"""Plays a cluster that somebody described in a folder, and turns snapshots of real clusters into such folders."""
