"""Writing files whole or not at all, and describing objects so that they can be built again."""
