"""The manifest: a table with one row for each video, and its splits."""
