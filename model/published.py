"""Networks of the authors' own code, from files of their parameters.

A file is an ``.npz`` with ``config`` (JSON: model, sizes) and ``param.*`` under published names:
S5-RF (github.com/ThomasEHuber/s5-rf), SiLIF, C-SiLIF, AdLIF, cAdLIF and LIF
(github.com/Maxtimer97/SSM-inspired-LIF, all states starting at zero).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rfssm.arrays import read_npz
from rfssm.errors import NetworkError, one_line, short_repr
from rfssm.model.layers import Normalization, Readout, SpikingLayer
from rfssm.model.network import FloatNetwork
from rfssm.model.neurons import (
    ADLIF,
    CADLIF,
    AdLIFCell,
    ClampedLeakCell,
    CSiLIFCell,
    Dynamics,
    LeakCell,
    LIFCell,
    Neuron,
    S5RFCell,
    SiLIFCell,
)
from rfssm.strict import parse_json

Output = Literal["log_softmax", "softmax_sum"]

CONFIG, PARAMETER = "config", "param."
"""Names in a file: that of the description, and the prefix of the parameters' names."""


_ONLY = {
    "threshold": 1.0,
    "spike": ">",
    "initial_state": 0,
    "bidirectional": False,
    "keep_imag": True,
    "step_rescale": 1.0,
}
"""Options of the authors' code of which only this value is supported."""


class PublishedNetwork(FloatNetwork):
    """A network whose output is that of the authors' code."""

    def __init__(self, layers: list[SpikingLayer], readout: Readout, output: Output) -> None:
        super().__init__(layers, readout)
        self.output = output

    def forward(self, x: Any, return_spikes: bool = False) -> Tensor | tuple[Tensor, list[Tensor]]:
        """Output per class, and on request the spikes of each layer before its skip.

        x          (samples, steps, inputs), computed with in the parameters' precision
        returns    log-softmax of the mean readout (S5-RF), or the sum over steps of its softmax
                   (the others)                               (samples, classes)
                   0 or 1                                     (samples, steps, neurons) each
        """
        x = torch.as_tensor(x).to(self.readout.weight)
        m, spikes = self.states(x)
        mean = self.output == "log_softmax"
        output = m.mean(1).log_softmax(-1) if mean else m.softmax(-1).sum(1)
        return (output, list(spikes)) if return_spikes else output


def load_published(path: Path | str) -> PublishedNetwork:
    """Build a network from a published file, in float64, in evaluation mode, not to be trained.

    Its constants are rounded as the authors' code rounds them, in the precision of the file: at 100
    rad per step float32 moves a pole by 4e-6, and in long sequences that moves spikes.

    Raises NetworkError, naming what the file lacks.
    """
    config, parameters = _read(Path(path))
    model = config.get("model")
    try:
        if model == "S5RF":
            network = _s5rf(config, parameters)
        elif isinstance(model, str) and model in _CELLS:
            network = _sparch(model, config, parameters)
        else:
            known = ", ".join(["S5RF", *_CELLS])
            raise NetworkError(f"config.model = {short_repr(model)}: must be one of {known}")
    except NetworkError as error:
        raise NetworkError(f"{path}: {error}") from None
    for module in network.modules():
        if isinstance(module, Dynamics):
            module.precision = parameters.precision()
    return network.double().eval().requires_grad_(False)


class Parameters:
    """The arrays of a file under their published names."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self.arrays = arrays

    def precision(self) -> torch.dtype:
        """The precision in which the authors' code computes with these parameters."""
        double = any(a.dtype in (np.float64, np.complex128) for a in self.arrays.values())
        return torch.float64 if double else torch.float32

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def get(self, name: str, *shape: int, kinds: str = "biuf") -> Tensor:
        """Return a finite parameter; raise NetworkError for another shape or kind of dtype."""
        found = self.arrays.get(name)
        if found is None:
            raise NetworkError(f"param.{name}: missing")
        if found.shape != shape:
            raise NetworkError(f"param.{name}: shape {list(found.shape)}, must be {list(shape)}")
        if found.dtype.kind not in kinds:
            raise NetworkError(f"param.{name}: dtype {found.dtype}, must be real numbers")
        exact = found.astype(np.complex128 if found.dtype.kind == "c" else np.float64)
        if not np.isfinite(exact).all():
            raise NetworkError(f"param.{name}: holds a value that is not finite")
        return torch.from_numpy(exact)


def _read(path: Path) -> tuple[dict[str, Any], Parameters]:
    def wanted(name: str) -> bool:
        return name == CONFIG or name.startswith(PARAMETER)

    arrays = read_npz(path, [CONFIG], wanted, NetworkError)
    text = arrays.pop(CONFIG)
    if text.ndim or text.dtype.kind != "U":
        raise NetworkError(f"{path}: config: {text.dtype} of {text.ndim} dimensions: must be text")
    try:
        config = parse_json(str(text))
    except ValueError as error:
        raise NetworkError(f"{path}: config is not valid JSON ({one_line(error)})") from None
    if not isinstance(config, dict):
        raise NetworkError(f"{path}: config = {short_repr(config)}: must be a JSON object")
    for field, only in _ONLY.items():
        if config.get(field, only) != only:
            raise NetworkError(
                f"{path}: config.{field} = {short_repr(config[field])}: must be {only!r}"
            )
    return config, Parameters({k.removeprefix(PARAMETER): a for k, a in arrays.items()})


def _flag(config: dict[str, Any], field: str, default: bool) -> bool:
    value = config.get(field, default)
    if type(value) is not bool:
        raise NetworkError(f"config.{field} = {short_repr(value)}: must be true or false")
    return value


def _count(config: dict[str, Any], field: str) -> int:
    value = config.get(field)
    if type(value) is not int or value < 1:
        raise NetworkError(
            f"config.{field} = {short_repr(value)}: must be a whole number, at least 1"
        )
    return value


def _s5rf(config: dict[str, Any], parameters: Parameters) -> PublishedNetwork:
    inputs, neurons, classes = (_count(config, f) for f in ("inputs", "neurons", "classes"))
    last = _count(config, "layers") - 1
    rule = config.get("discretization")
    if rule not in ("dirac", "zoh", "bilinear"):
        raise NetworkError(
            f"config.discretization = {short_repr(rule)}: must be dirac, zoh or bilinear"
        )
    if config.get("activation", "cartesian_spike") != "cartesian_spike":
        found = short_repr(config["activation"])
        raise NetworkError(f"config.activation = {found}: must be cartesian_spike")
    layers = []
    for i in range(last + 1):
        at = f"rf.{i}."
        eigenvalue = parameters.get(at + "Lambda", neurons, 2)
        cell = S5RFCell(
            parameters.get(at + "log_step", neurons, 1)[:, 0],
            eigenvalue[:, 0],
            eigenvalue[:, 1],
            rule if i == 0 else "dirac",
        )
        width = inputs if i == 0 else neurons
        weight = parameters.get(f"dense.{i}.B", neurons, width, 2)
        mixing = None
        if cell.discretization == "zoh":
            mixing = parameters.get(at + "V", neurons, neurons, kinds="fc").to(torch.complex128)
        skip = _flag(config, "skip", True) and 0 < i < last
        rows = weight.transpose(1, 2).reshape(neurons, 2 * width)
        layers.append(SpikingLayer(cell, rows, skip=skip, mixing=mixing))
    readout = Readout(
        LeakCell(parameters.get("li.tau", classes)),
        parameters.get("output.B", classes, neurons, 2)[..., 0],  # its input is real
    )
    return PublishedNetwork(layers, readout, "log_softmax")


Get = Callable[[str], Tensor]

_CELLS: dict[str, Callable[[Get], Neuron]] = {
    "SiLIF": lambda get: SiLIFCell(get("dt"), get("alpha"), get("beta"), get("a"), get("b")),
    "CSiLIF": lambda get: CSiLIFCell(
        get("log_dt"), get("log_log_alpha"), get("alpha_img"), get("b")
    ),
    "CadLIF": lambda get: AdLIFCell(
        get("alpha"), get("beta"), get("a"), get("b"), CADLIF, stable=False
    ),
    "adLIF": lambda get: AdLIFCell(
        get("alpha"), get("beta"), get("a"), get("b"), ADLIF, stable=False
    ),
    "LIF": lambda get: LIFCell(get("alpha")),
}


def _sparch(model: str, config: dict[str, Any], parameters: Parameters) -> PublishedNetwork:
    """SiLIF and its relatives: sizes are the layers' widths, the readout's last."""
    sizes = config.get("sizes")
    if (
        not isinstance(sizes, list)
        or len(sizes) < 2
        or not all(type(n) is int and n > 0 for n in sizes)
    ):
        raise NetworkError(
            f"config.sizes = {short_repr(sizes)}: must list the widths of two or more layers"
        )
    widths = [_count(config, "inputs"), *sizes]
    layers = []
    for i, neurons in enumerate(sizes[:-1]):
        weight = parameters.get(f"snn.{i}.W.weight", neurons, widths[i])
        for name in (f"snn.{i}.W.bias", f"snn.{i}.V.weight"):
            if name in parameters:
                raise NetworkError(f"param.{name}: no layer here has a bias or recurrent weights")
        cell = _CELLS[model](partial(_cell_parameter, parameters, i, neurons))
        layers.append(SpikingLayer(cell, weight, norm=_norm(parameters, i, neurons)))
    i, classes = len(sizes) - 1, sizes[-1]
    readout = Readout(
        ClampedLeakCell(parameters.get(f"snn.{i}.alpha", classes)),
        parameters.get(f"snn.{i}.W.weight", classes, widths[i]),
        norm=_norm(parameters, i, classes),
    )
    return PublishedNetwork(layers, readout, "softmax_sum")


def _cell_parameter(parameters: Parameters, layer: int, neurons: int, name: str) -> Tensor:
    return parameters.get(f"snn.{layer}.{name}", neurons)


def _norm(parameters: Parameters, layer: int, channels: int) -> Normalization | None:
    at = f"snn.{layer}.norm."
    names = "weight", "bias", "running_mean", "running_var"
    if not any(at + name in parameters for name in names):
        return None
    values = {name: parameters.get(at + name, channels) for name in names}
    if (values["running_var"] < 0).any():
        raise NetworkError(f"param.{at}running_var: must not be negative")
    norm = Normalization(channels)
    norm.double().load_state_dict(values)
    return norm
