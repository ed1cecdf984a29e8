"""The only process that changes the core's state. Reaches no route and no web framework."""
