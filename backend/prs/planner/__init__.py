"""Pure decisions: (cluster, policy, now) -> Plan with reasons. No I/O, no clock, no log; chance only from fixed seeds."""
