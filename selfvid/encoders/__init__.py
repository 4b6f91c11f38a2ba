"""What is pretrained, probed and exported: clips to features, pixels included."""
