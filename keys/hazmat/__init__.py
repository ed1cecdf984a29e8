"""Primitives, and the only importer of cryptography and jwt. Service code never imports this."""
