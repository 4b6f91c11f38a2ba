"""Writing files completely or not at all, and describing objects to build them again."""
