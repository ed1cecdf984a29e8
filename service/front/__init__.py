"""The cooperative front end: HTTP on one event loop, each request in a greenlet of its own."""
