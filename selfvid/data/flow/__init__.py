"""`selfvid flow`: the command that computes optical flow of videos, and reading of its folders."""
