"""Carries plans out: the journal, the executor and the service around them."""
