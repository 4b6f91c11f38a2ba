"""Videos, manifests, clips, annotations and optical flow: everything that is read from files."""
