"""The description of the HTTP API, and values in its form."""
