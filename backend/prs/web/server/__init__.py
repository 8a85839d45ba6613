"""gunicorn site the application."""
