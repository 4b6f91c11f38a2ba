"""The command `selfvid compare`: compare two runs on the same videos, class by class."""
