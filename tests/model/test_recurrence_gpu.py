"""Kernel ``gpu`` without a GPU: interpreted, compiled but not run, or refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from rfssm.errors import ToolError
from rfssm.model import recurrence
from rfssm.model.recurrence import Cell, gpu

CASES = Path(__file__).with_name("gpu_cases.py")
CELL = Cell(torch.zeros(1, 2, 2), torch.ones(1), torch.ones(1))


def test_the_kernel_equals_the_plain_loop() -> None:
    pytest.importorskip("triton")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    if not torch.cuda.is_available():
        environment["TRITON_INTERPRET"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(CASES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    pytest.importorskip("triton")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    from rfssm.model.recurrence import triton_kernels

    return triton_kernels


def compile_(kernels: ModuleType, name: str, pointers: dict[str, str], **constants: Any) -> str:
    """PTX for an H200 of a kernel with these types of pointers, None where one is missing."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    function = getattr(kernels, name)
    constants = {"FRAC": 10, "LOW": -128, "HIGH": 127, "BLOCK": 32, "GROUP": 2, **constants}
    numbers = {"length", "neurons", "row", "largest"}
    types = {n: pointers.get(n, "i32" if n in numbers else "constexpr") for n in function.arg_names}
    fixed = {
        (i,): constants.get(n) for i, n in enumerate(function.arg_names) if types[n] == "constexpr"
    }
    options = {"num_warps": 1, "enable_fp_fusion": False}
    target = GPUTarget("cuda", 90, 32)
    source = ASTSource(function, types, fixed)
    return str(kernels.triton.compile(source, target=target, options=options).asm["ptx"])


CELLS = dict.fromkeys(("transition", "reset", "threshold"), "*fp64")


@pytest.mark.parametrize("rounding", ["TRN", "TRN_ZERO", "RND", "RND_CONV", None])
def test_forward_kernels_compile(rounding: str | None, kernels: ModuleType) -> None:
    tl = kernels.tl
    real = {"current": "*fp32", "states": "*fp32", "spikes": "*fp32"} | dict.fromkeys(
        CELLS, "*fp32"
    )
    sums = {"current": "*i32", "bias": "*fp64", "spikes": "*fp32", "states": "*i16", **CELLS}
    ptx = compile_(
        kernels, "resonate", real if rounding is None else sums,
        ROUNDING=rounding, GUARD=3, PLANES=2, FLOAT=tl.float32,
    )  # fmt: skip
    assert "fma." not in ptx  # rounds once where the plain loop rounds twice
    integers = {n: "*fp64" for n in ("current", "leak", "states")}
    compile_(
        kernels, "integrate", integers, ROUNDING=rounding, WORK=tl.int64 if rounding else tl.float64
    )


@pytest.mark.parametrize("surrogate", ["multi_gaussian", "boxcar", "arctan"])
@pytest.mark.parametrize("rounding", ["RND", None])
def test_backward_kernels_compile(
    surrogate: str, rounding: str | None, kernels: ModuleType
) -> None:
    tl = kernels.tl
    rows = dict.fromkeys(("spike_grad", "current_grad", "sums"), "*fp32")
    states = {"states": "*i16" if rounding else "*fp32", "unit": "*fp64"}
    compile_(
        kernels, "resonate_adjoint", rows | states | CELLS,
        ROUNDING=rounding, PLANES=1, SURROGATE=surrogate, WORK=tl.float32,
    )  # fmt: skip
    integers = dict.fromkeys(("state_grad", "states", "leak", "current_grad", "sums"), "*fp64")
    compile_(kernels, "integrate_adjoint", integers, ROUNDING=rounding, WORK=tl.float64)


def test_without_triton_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    for name in ("triton_kernels", "triton_arithmetic"):
        monkeypatch.delitem(sys.modules, f"rfssm.model.recurrence.{name}", raising=False)
        monkeypatch.delattr(recurrence, name, raising=False)
    gpu._kernels.cache_clear()
    with pytest.raises(ToolError, match=r"pip install 'triton"):
        gpu.resonate(torch.zeros(1, 1, 1, 1), CELL, None)


def test_tensors_on_the_cpu_are_refused(kernels: ModuleType) -> None:
    with pytest.raises(ToolError, match="CUDA tensors"):
        gpu.resonate(torch.zeros(1, 1, 1, 1), CELL, None)
