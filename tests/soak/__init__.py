"""Random jobs in random clusters with random faults, in virtual time: whatever happens, nothing is lost, done twice or said wrongly."""
