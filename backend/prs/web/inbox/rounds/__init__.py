"""The cluster's round of rolling maintenance, as callers ask for it."""
