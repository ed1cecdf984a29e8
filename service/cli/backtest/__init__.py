"""Tries a strategy on payments of a file, and shows what it would change."""
