"""Single operations: FLOPs, bytes, time, percent of the roofline, and peers beside them.

`sizes` says at which size an operation is timed, `peers` what PyTorch and numba write for it, `run`
measures, `table` and `plot` show it. The calls, FLOPs, bytes and NumPy's side are the tests' cases.
"""
