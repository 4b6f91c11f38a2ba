"""Lines of equations that are broken one at a time: a test must fail for each.

``python -m tests.mutate`` names the lines that can be broken unseen. It takes a quarter of an hour
on one core and is not part of the suite; that the list fits the code is.
"""
