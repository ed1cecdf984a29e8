"""Writes what happens in a made-up world to a file, as `payguard replay` and others read it."""
