"""Is what a run predicts better than guesses that need no network?"""
