"""Reasons for a row to leave."""
