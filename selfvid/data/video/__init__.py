"""Reading and writing one video file, or a folder of frame images."""
