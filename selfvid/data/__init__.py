"""Videos, manifests, clips and flow: everything that is read from files."""
