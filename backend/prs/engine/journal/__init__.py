"""Plans, jobs and steps in SQLite, written before anything happens."""
