"""gunicorn around the application."""
