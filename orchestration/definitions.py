"""The code location that Dagster loads: one call."""

from orchestration.build import build_defs

defs = build_defs()
