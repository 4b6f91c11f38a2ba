"""Footage in, clips out."""
