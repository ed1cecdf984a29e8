"""Measures a trainer by a protocol: tables, JSON, and a report with pictures."""
