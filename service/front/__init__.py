"""The two servers of a front end: greenlets on one event loop, or gunicorn's threads."""
