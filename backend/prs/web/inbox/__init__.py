"""The one way from the web's user to the service's: requests with the caller's ticket, checked anew where they arrive."""
