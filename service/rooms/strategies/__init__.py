"""Strategies that were ever active: their signed content, and which of them decides."""
