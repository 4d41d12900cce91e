"""pygan against its peers: one process a peer, interleaved rounds, gradients compared.

`benchmarks.targets.cases` says what is timed, `benchmarks.targets.measure` how.
"""
