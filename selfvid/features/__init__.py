"""Features of videos by frozen encoders: extraction, the feature store and the `embed` command."""
