"""Payments: their tokens, their moves, what is reported about them."""
