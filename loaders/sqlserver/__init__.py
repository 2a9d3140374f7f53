"""Reaching Microsoft SQL Server: one description of the login, one way to connect, one reading of its errors."""
