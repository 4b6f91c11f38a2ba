"""Features that need no learned encoder, for an encoder to be compared with."""
