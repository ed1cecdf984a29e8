"""Challenges and holds: demands for proof, and timed stops."""
