"""What everything may use: money, clock, ids, errors."""
