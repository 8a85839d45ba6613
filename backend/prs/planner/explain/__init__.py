"""Reasons, warnings and the plan in words."""
