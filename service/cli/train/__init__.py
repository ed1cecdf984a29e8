"""Trains a model on labelled payments of a file, and writes it with a card that describes it."""
