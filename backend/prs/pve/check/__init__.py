"""Whether everything is as the service needs it, for people."""
