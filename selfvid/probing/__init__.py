"""`selfvid probe`: evaluate a frozen encoder against the baselines it must beat."""
