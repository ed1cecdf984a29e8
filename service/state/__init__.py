"""Feature state of entities: held in the writer's memory, written back, rebuilt from events."""
