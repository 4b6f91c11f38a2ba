"""Everything that is to be measured on a GPU, in one command of limited time.

``python -m tests.bench.on_gpu --out RESULTS --mnist MNIST`` runs sections in the order of their
worth. Each has a time limit of its own and its own process, so that one that fails or hangs does
not end the others. The training of the published sizes comes last and takes what time is left. It
continues the runs of the last time, so that several short loans of a GPU add up to one run.
"""
