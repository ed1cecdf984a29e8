"""Labels: what a payment turned out to be, who says so, and since when it was known."""
