"""The log as others can check it: its tree, signed checkpoints, proofs, what was exported."""
