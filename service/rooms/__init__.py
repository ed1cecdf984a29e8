"""Rooms: one capability each. A room reaches only rooms below it, through their public files."""
