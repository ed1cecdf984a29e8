"""Sends payments from a file to a running service, as a merchant's server would."""
