"""Secrets and proofs: pure functions of bytes, time and entropy. Knows no web, database or risk."""
