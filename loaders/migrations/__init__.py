"""Alembic migrations of the operational database; run by ``operational_db.upgrade``."""
