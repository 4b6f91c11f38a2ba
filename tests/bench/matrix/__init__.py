"""The matrix of objectives and heads on real footage, in one command that can be interrupted.

``python -m tests.bench.matrix --work FOLDER`` makes the table of docs/results/matrix.md a row at a
time, with the commands of ``selfvid`` alone. Every command is kept beside its result, and what is
there is not made again. For each fold there is an encoder that was pretrained without the videos
that the fold tests, and without any other footage of their groups.
"""
