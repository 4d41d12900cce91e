"""``python -m pygan`` is the command ``pygan``."""

import sys

from pygan.cli import main

sys.exit(main())
