"""The manifest, a table with one row for each video, and how it is split."""
