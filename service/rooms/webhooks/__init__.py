"""Endpoints of merchants, and the deliveries that tell them what happened."""
