"""A small made-up world that pays, and is robbed: for trying things out, never for judging."""
