"""The service around the executor."""
