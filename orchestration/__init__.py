"""Dagster: thin definitions around the loaders, the dbt project and the checks."""

import warnings

import dagster as dg

# Used on purpose, pinned exactly and covered by tests; the notices would drown a run's own words.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
