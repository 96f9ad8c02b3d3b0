"""Inside the simulator: the tests of a bench, once for each case of ``simulation.check_cases``.

A bench reads what it needs where it is imported, so each case gets an import of its own, in the
folder of its files.
"""

import sys
from contextlib import chdir
from importlib import import_module

from harness import settings

TOLD = settings()
for case in TOLD["cases"]:
    sys.modules.pop(TOLD["bench"], None)
    with chdir(case):
        tests = vars(import_module(TOLD["bench"]))
    globals().update({f"{case}.{name}": found for name, found in tests.items()})
