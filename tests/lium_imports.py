"""What the client imports, without the client itself: it looks for its home as soon as it is read."""

import sys
from importlib import import_module

PROGRAMS = ("bittensor", "lium.cli.cli")

for program in PROGRAMS:
    import_module(program)
for name in list(sys.modules):
    if name.partition(".")[0] in {program.partition(".")[0] for program in PROGRAMS}:
        del sys.modules[name]
