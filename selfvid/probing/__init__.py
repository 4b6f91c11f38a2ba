"""`selfvid probe`: evaluate a frozen encoder against the baselines that it must beat."""
