"""Runs timers and, later, deliveries; what it did comes back as commands."""
