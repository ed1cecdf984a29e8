"""The features of a set over columns of a whole history, for training and back-tests."""
