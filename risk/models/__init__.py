"""A model at work: its file, its trees, its scores and their reasons. Pure; never loads xgboost."""
