"""What a plan is measured by."""
