"""rfssm_mul: exact signed products, one per cycle, two cycles later."""

from itertools import product
from typing import Any

from harness import Bench, claims, expect, measured, parameters, signed, test, unsigned

A_W, B_W = parameters()["A_W"], parameters()["B_W"]


@test
async def products_are_exact_and_two_cycles_late(dut: Any) -> None:
    claims("rfssm_mul", "Latency 2, II 1.")
    bench = Bench(dut)
    ends = [[-(1 << (w - 1)), -1, 0, (1 << (w - 1)) - 1] for w in (A_W, B_W)]
    pairs = list(product(*ends))  # most negative times most negative among them
    pairs += [tuple(signed(bench.rng.getrandbits(w), w) for w in (A_W, B_W)) for _ in range(300)]
    got, cycles = [], []
    for k in range(len(pairs) + 2):
        if k < len(pairs):
            dut.a.value, dut.b.value = (
                unsigned(x, w) for x, w in zip(pairs[k], (A_W, B_W), strict=True)
            )
        await bench.edge()
        if k >= 2:  # what was taken two edges ago
            got.append(signed(int(dut.p.value), A_W + B_W))
            cycles.append(bench.cycle)
    expect(got, [a * b for a, b in pairs], "product")
    measured("rfssm_mul II", (cycles[-1] - cycles[0]) / (len(cycles) - 1), 1)


@test
async def a_lone_product_comes_two_cycles_after_its_factors(dut: Any) -> None:
    bench = Bench(dut)
    dut.a.value, dut.b.value = 0, 0
    await bench.edge(4)
    dut.a.value, dut.b.value = unsigned(-1, A_W), unsigned(-1, B_W)
    await bench.edge()  # the factors are taken here
    taken = bench.cycle
    dut.a.value, dut.b.value = 0, 0
    for _ in range(10):
        await bench.edge()
        if int(dut.p.value) == 1:
            break
    measured("rfssm_mul latency", bench.cycle - taken, 2)
