"""One call of the C++ kernel: arrays, and how they are computed, as ``Problem`` in cpu.cpp."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import torch
from torch import Tensor

from rfssm.cstruct import read_struct
from rfssm.model.recurrence import memory, native
from rfssm.model.recurrence.cell import Cell
from rfssm.model.recurrence.grid import Grid

_TYPES = {torch.int16: 0, torch.int32: 1, torch.float32: 2, torch.float64: 3}
_ROUNDINGS = {"TRN": 0, "TRN_ZERO": 1, "RND": 2, "RND_CONV": 3}
_SURROGATES = {"multi_gaussian": 0, "boxcar": 1, "arctan": 2}
_SUMS = 8
_MAX_CURRENT = 1 << 30  # larger currents saturate any int32 state; MAX_CURRENT in cpu.cpp

_Problem = read_struct(files("rfssm.model.recurrence").joinpath("cpu.cpp").read_text(), "Problem")


@dataclass(frozen=True)
class Recurrence:
    """The kernel's arguments that forward and backward share.

    dtype    of spikes and gradients
    """

    shape: tuple[int, int, int, int]
    cell: Cell
    grid: Grid | None
    bias: Tensor | None
    guard_bits: int
    dtype: torch.dtype

    def forward(self, current: Tensor, largest: int) -> tuple[Tensor, Tensor]:
        """Spikes and states.

        largest    no |current| * 2^guard_bits + |bias| is larger
        """
        samples, steps, _, neurons = self.shape
        grid = self.grid
        arithmetic = state_type = self.dtype
        if grid is not None:
            arithmetic = torch.int32 if self._int32_will_do(largest) else torch.float64
            short = grid.low >= -(2**15) and grid.high < 2**15 and self.dtype == torch.float32
            state_type = torch.int16 if short else torch.int32
        states = memory.empty((samples, steps, 2, neurons), state_type)
        spikes = memory.empty((samples, steps, neurons), self.dtype)
        self._call("rfssm_forward", arithmetic, current=current, states=states, spikes=spikes)
        return spikes, states

    def backward(self, spike_grad: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient of the current and sums over samples and steps, ``enum Sum`` in cpu.cpp."""
        current_grad = memory.empty(self.shape, self.dtype)
        sums = torch.empty(_SUMS, self.shape[3], dtype=torch.float64)
        self._call(
            "rfssm_backward",
            self.dtype,
            states=states,
            slope_unit=contiguous(self.cell.unit.detach(), self.dtype),
            spike_grad=contiguous(spike_grad, self.dtype),
            current_grad=current_grad,
            sums=sums,
        )
        return current_grad, sums

    def _int32_will_do(self, largest: int) -> bool:
        """Return whether int32 holds every product, rounding and sum."""
        assert self.grid is not None
        if self.grid.frac > 30:
            return False
        state = max(-self.grid.low, self.grid.high)
        one = 2.0**self.grid.frac
        gain = float(self.cell.transition.detach().abs().sum(-1).max())
        reset = self.cell.reset
        kick = 0.0 if reset is None else float(reset.detach().abs().max())
        linear = gain * state + 2
        return (gain * state + 1) * one < 2**31 and state + linear + kick + largest <= _MAX_CURRENT

    def _call(self, function: str, arithmetic: torch.dtype, **arrays: Tensor) -> None:
        grid, cell = self.grid, self.cell
        transition = cell.transition.detach().permute(1, 2, 0)
        threshold = cell.threshold.detach()
        compared = arithmetic
        if grid is not None:
            threshold = threshold.floor().clamp(max(grid.low - 1, -(2**31)), grid.high)
            if arithmetic == torch.int32:
                transition = transition * 2.0**grid.frac
            elif function == "rfssm_backward":
                compared = torch.int32
        arrays["transition"] = contiguous(transition, arithmetic)
        arrays["threshold"] = contiguous(threshold, compared)
        if cell.reset is not None:
            arrays["reset"] = contiguous(cell.reset.detach().T, arithmetic)
        if self.bias is not None:
            arrays["bias"] = contiguous(self.bias.detach(), arithmetic)
        choices = {"guard_bits": self.guard_bits, "surrogate": _SURROGATES[cell.surrogate]}
        call(function, self.shape, grid, arithmetic, choices, arrays)


def call(
    function: str,
    shape: Sequence[int],
    grid: Grid | None,
    arithmetic: torch.dtype,
    choices: Mapping[str, int],
    arrays: Mapping[str, Tensor],
) -> None:
    """Call the library.  All arrays are contiguous; those that it does not use may be omitted."""
    problem = make_problem(shape, grid, arithmetic, choices, arrays)
    getattr(native.library(), function)(ctypes.byref(problem))


def make_problem(
    shape: Sequence[int],
    grid: Grid | None,
    arithmetic: torch.dtype,
    choices: Mapping[str, int],
    arrays: Mapping[str, Tensor],
) -> ctypes.Structure:
    """Build the struct that ``call`` passes to the library."""
    samples, steps, planes, neurons = shape
    types = {name: _TYPES[array.dtype] for name, array in arrays.items()}
    problem = _Problem(
        samples=samples,
        steps=steps,
        planes=planes,
        neurons=neurons,
        **choices,
        current_type=types.get("current", 0),
        state_type=types["states"],
        **{name: array.data_ptr() for name, array in arrays.items()},
        arithmetic=_TYPES[arithmetic],
        exact=grid is not None,
        threads=torch.get_num_threads(),
    )
    if grid is not None:
        problem.low, problem.high, problem.frac = grid.low, grid.high, grid.frac
        problem.rounding = _ROUNDINGS[grid.rounding]
    return problem


def contiguous(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return an array as the kernel reads it."""
    return x.to(dtype).contiguous()
