"""What the product does, one capability a room. Holds no code of its own."""
