"""A plan walked step by step on the plain snapshot; shares no code with the search."""
