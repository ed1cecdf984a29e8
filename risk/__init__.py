"""Judging a payment: pure functions of facts. Knows no web, no database, no keys."""
