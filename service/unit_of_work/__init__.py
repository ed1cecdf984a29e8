"""The one way in which state changes: commands in, one commit, replies out. Knows no room."""
