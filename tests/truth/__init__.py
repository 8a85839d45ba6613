"""Small clusters whose every reachable placement is known, to hold the planner's claims against."""
