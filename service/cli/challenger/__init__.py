"""Challengers: models learnt from what the store keeps, as soon as labels carry them."""
