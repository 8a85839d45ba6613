"""What each verb of the command line does: one module per verb with one function `act(call) -> exit code`."""
