"""One file per feature, each with one constant `FEATURE`; risk/feature.py finds them."""
