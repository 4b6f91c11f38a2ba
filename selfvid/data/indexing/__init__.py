"""``selfvid index``: find videos, inspect each one, and write the manifest."""
