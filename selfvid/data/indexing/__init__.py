"""`selfvid index`: find videos, check each one, and write the manifest."""
