"""Training a head on features that its frozen encoder has computed once."""
