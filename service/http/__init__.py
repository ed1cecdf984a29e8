"""The strict HTTP door: who calls, what they sent, what they get. Knows no room."""
