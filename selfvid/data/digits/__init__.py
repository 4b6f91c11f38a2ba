"""Moving digits made on the spot, with known motion."""
