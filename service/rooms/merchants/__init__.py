"""Who calls us: tenants, merchants with their settings, and their API keys."""
