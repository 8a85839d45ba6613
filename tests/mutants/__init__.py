"""Mutation tests of what decides: cosmic-ray changes the code, the tests have to notice."""
