"""The store: metadata, statements compiled once, executors, migrations. Knows no room."""
