"""Everything with a socket, a database or a clock. Stands on keys and risk."""
