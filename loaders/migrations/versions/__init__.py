"""The migrations themselves, named for what they do; their order is in ``down_revision``."""
