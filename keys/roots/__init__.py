"""Root providers, one file each: the only part of keys that touches the outside."""
