"""Print the estimated cells of each line of the hardware beside those that Yosys counts.

    python tests/estimate_rows.py [CASE ...]

The cases are those of ``estimate_cases``; all of them if none is named.
"""

from __future__ import annotations

import sys
from dataclasses import astuple, fields

from estimate_cases import CASES, design

from rfssm.hls.estimate import area
from rfssm.hls.synthesis import netlist_cells, yosys
from rfssm.hls.synthesis.netlist_cells import Cells

KINDS = [field.name for field in fields(Cells) if field.name != "other"]


def row(name: str, cells: Cells) -> str:
    counts = astuple(cells)[: len(KINDS)]
    return f"{name:54}" + "".join(f"{count or '-':>10}" for count in counts)


def main(names: list[str]) -> None:
    for name in names:
        made = design(name)
        top = f"{made.name}_axis"
        counted = netlist_cells.report(yosys.synthesize(made, "ecp5", top)).modules
        print(f"\n{name}\n{'':54}" + "".join(f"{kind:>10}" for kind in KINDS))
        for module, lines in area.contributions(made).items():
            print(module)
            for line in lines:
                if line.cells != Cells():
                    print("  " + row(f"  {line.name}", line.cells))
            print("  " + row("estimated", sum((line.cells for line in lines), Cells())))
            print("  " + row("Yosys", counted[module]))


if __name__ == "__main__":
    main(sys.argv[1:] or list(CASES))
