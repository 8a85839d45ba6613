"""The memory of loads: what guests and nodes used, by half hour, for two weeks."""
