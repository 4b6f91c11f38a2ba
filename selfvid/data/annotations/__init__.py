"""When which activity takes place in a video: annotation files and checks."""
