"""Pure decisions: (cluster, policy, now) -> Plan with reasons. No I/O, clock, log or randomness in here."""
