"""Whose keys sign what we issue: kept sealed, published by their public halves."""
