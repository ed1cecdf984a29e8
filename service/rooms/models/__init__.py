"""Models that score payments: their signed files, kept in parts, and who brought them."""
