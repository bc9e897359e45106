"""Edits that add what is known of a row as columns."""
