"""Training, with Lightning underneath; the only package that imports it."""
