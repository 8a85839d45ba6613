"""Nodes of a round that are serviced together: who may be, how each is emptied beside the others, and how that looks beforehand."""
