"""Networks that turn frames into a vector and feature maps, one per file."""
