"""`python -m pygan` is `pygan`."""

from pygan.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
