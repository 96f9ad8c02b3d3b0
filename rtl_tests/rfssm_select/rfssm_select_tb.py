"""rfssm_select: the word asked for, as it was a cycle after it was asked for, four cycles late."""

from typing import Any

from harness import Bench, claims, expect, measured, pack, parameters, test

P = parameters()
W, WORDS = P["W"], P["WORDS"]


@test
async def words_are_those_of_the_cycle_after_the_index(dut: Any) -> None:
    claims("rfssm_select", "q(t+4) = word index(t), as that word was at t+1")
    claims("rfssm_select", "Latency 4, II 1.")
    bench = Bench(dut)
    indices = [*range(WORDS), *reversed(range(WORDS))]
    indices += [bench.rng.randrange(WORDS) for _ in range(200)]
    shown: list[list[int]] = []
    got, cycles = [], []
    for k in range(len(indices) + 4):
        shown.append([bench.rng.getrandbits(W) for _ in range(WORDS)])
        dut.words.value = pack(shown[-1], W)
        if k < len(indices):
            dut.index.value = indices[k]
        await bench.edge()
        if k >= 4:  # what was asked for four edges ago
            got.append(int(dut.q.value))
            cycles.append(bench.cycle)
    expect(got, [shown[k + 1][index] for k, index in enumerate(indices)], "word")
    measured("rfssm_select II", (cycles[-1] - cycles[0]) / (len(cycles) - 1), 1)
