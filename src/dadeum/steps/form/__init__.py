"""Rows shaped into chats."""
