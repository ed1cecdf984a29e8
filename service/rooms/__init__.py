"""What the product does: one capability a room."""
