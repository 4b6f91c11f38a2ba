"""Read and write single video files, and read folders of frame images."""
