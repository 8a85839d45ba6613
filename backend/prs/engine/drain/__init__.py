"""Nodes that are kept empty, HA maintenance mode, and the way back."""
