"""What handlers of rooms above ask of lists: which entries a payment matches, what rules add."""

from service.rooms.lists.public.listing import by_rules
from service.rooms.lists.public.matching import hits, hits_read, version, version_read

__all__ = ["by_rules", "hits", "hits_read", "version", "version_read"]
