"""Block, allow and watch lists: their entries, and which of them a payment matches."""
