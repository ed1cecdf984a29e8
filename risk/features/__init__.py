"""Declarations, found by risk/feature.py.

A file with the name of an entity holds `FEATURES`, a tuple; any other holds one `FEATURE`
and has its name.
"""
