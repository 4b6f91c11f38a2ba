"""`selfvid flow`: compute optical flow of every video once, and read it again."""
