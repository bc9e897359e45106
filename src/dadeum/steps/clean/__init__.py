"""Edits of contents: characters, markup, white space."""
