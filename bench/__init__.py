"""Benchmarks: ratios of figures taken in one run. Never a timed test."""
