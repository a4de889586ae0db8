"""A small local page that records signs."""
