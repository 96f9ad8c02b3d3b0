"""rfssm_rom: every word of the file, two cycles after its address."""

from pathlib import Path
from typing import Any

from harness import Bench, claims, expect, measured, parameters, test

P = parameters()
WORDS = [int(line, 16) for line in Path(P["FILE"]).read_text().split()]


@test
async def words_come_two_cycles_after_their_addresses(dut: Any) -> None:
    claims("rfssm_rom", "Latency 2, II 1.")
    bench = Bench(dut)
    addresses = [*range(P["DEPTH"]), *reversed(range(P["DEPTH"]))]
    addresses += [bench.rng.randrange(P["DEPTH"]) for _ in range(100)]
    got, cycles = [], []
    for k in range(len(addresses) + 2):
        if k < len(addresses):
            dut.addr.value = addresses[k]
        await bench.edge()
        if k >= 2:  # what was asked for two edges ago
            got.append(int(dut.q.value))
            cycles.append(bench.cycle)
    expect(got, [WORDS[a] for a in addresses], "word")
    measured("rfssm_rom II", (cycles[-1] - cycles[0]) / (len(cycles) - 1), 1)


@test
async def more_than_1024_bits_lie_in_block_memory(dut: Any) -> None:
    claims("rfssm_rom", "More than BLOCK_BITS bits in all lie in block memory")
    expected = "g_block" if P["W"] * P["DEPTH"] > 1024 else "g_logic"
    found = [name for name in ("g_block", "g_logic") if hasattr(dut, name)]
    expect(found, [expected], "memory")
