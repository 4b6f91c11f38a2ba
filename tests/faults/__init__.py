"""Commands that are interrupted before each of their file operations, and run again.

What must hold: the same result as undisturbed, or one line that says what to do, and doing it gives
the same result. ``python -m tests.faults`` tries every operation of every command; the tests try a
few of each.
"""
