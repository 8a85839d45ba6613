"""Carries one job out, step by step."""
