"""Configuration: every name billsync reads from the environment, its default, and the values that are handed down.

What belongs here: names, defaults, checked values and the words that tell a person which name is wrong or missing. What
stays out: opening anything that a value names. Nothing in here imports another part of ``billsync/``, or Dagster.
"""

from billsync.settings.environment import load_settings
from billsync.settings.names import (
    NAMES,
    SAP_READBACKS,
    ConfigurationError,
    unknown_names,
)
from billsync.settings.references import Secret
from billsync.settings.values import Settings

__all__ = ["NAMES", "SAP_READBACKS", "ConfigurationError", "Secret", "Settings", "load_settings", "unknown_names"]
