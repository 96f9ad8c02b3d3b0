"""Run Vitis HLS on an HLS C++ project: write the data of its test bench, compare its results.

The project's scripts are hls4ml's own (``build_prj.tcl``, ``build_opt.tcl``).  This module adds the
data that the test bench compares: samples and the golden model's scores.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Mapping
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from rfssm.errors import SamplesError, ToolError
from rfssm.files import write_atomically
from rfssm.process import TAIL_LINES, run_process
from rfssm.quant import golden
from rfssm.quant.arithmetic import Integers
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples, check_call

INPUTS = Path("tb_data/tb_input_features.dat")
EXPECTED = Path("tb_data/tb_output_predictions.dat")
RESULTS = {"csim": Path("tb_data/csim_results.log"), "cosim": Path("tb_data/rtl_cosim_results.log")}
LOG = Path("vitis.log")
_MAX_NUMBERS = 1 << 22  # of the inputs in a file
_DENSITIES = (0.0, 0.05, 0.3, 1.0)  # of events in the random samples


# -- test data -------------------------------------------------------------------------------------


def write_test_data(directory: Path, network: IntegerNetwork, samples: Samples, steps: int) -> None:
    """Write the inputs and the expected outputs of the C++ test bench of an hls4ml project.

    samples    samples of which the first ones are used, up to ``_MAX_NUMBERS`` numbers
    steps      steps of the project: shorter samples are padded with zeros, which count as steps

    Raises SamplesError for samples that are longer than the project's.
    """
    samples = samples[: max(1, _MAX_NUMBERS // (steps * network.input.channels))]
    missing = steps - samples.x.shape[1]
    if missing < 0:
        raise SamplesError(f"samples of {samples.x.shape[1]} steps: the project runs {steps}")
    live = np.arange(samples.x.shape[1]) < samples.steps[:, None]
    x = np.pad(samples.x * live[..., None], ((0, 0), (0, missing), (0, 0)))
    (directory / INPUTS).parent.mkdir(parents=True, exist_ok=True)
    write_atomically(directory / INPUTS, _lines(x))
    _write_expected(directory, network, x)


def complete_test_data(
    directory: Path, network: IntegerNetwork, steps: int, *, given: bool
) -> None:
    """Write random test data, or the golden model's outputs for inputs that already exist.

    given    whether hls4ml was given inputs (``input_data_tb``) and has written them
    """
    shape = (-1, steps, network.input.channels)
    if given:
        numbers = np.loadtxt(directory / INPUTS, ndmin=2)
        per_sample = steps * network.input.channels
        if numbers.shape[1] != per_sample or (numbers != np.floor(numbers)).any():
            raise SamplesError(
                f"input_data_tb: {numbers.shape[1]} numbers per sample, must be {per_sample} "
                f"integers ({steps} steps of {network.input.channels} channels)"
            )
        _write_expected(directory, network, numbers.astype(np.int64).reshape(shape))
        return
    rng = np.random.default_rng(0)
    size = (len(_DENSITIES), steps, network.input.channels)
    drawn = rng.integers(network.input.low, network.input.high, size, endpoint=True)
    x = drawn * (rng.random(size) < np.reshape(_DENSITIES, (-1, 1, 1)))
    write_test_data(directory, network, Samples(x, np.full(len(x), steps)), steps)


def _write_expected(directory: Path, network: IntegerNetwork, x: Integers) -> None:
    samples = Samples(x, np.full(len(x), x.shape[1]))
    check_call(network, samples)
    write_atomically(directory / EXPECTED, _lines(golden.run(network, samples).scores))


def _lines(values: Integers) -> bytes:
    """Return one line per sample, with whole numbers separated by spaces."""
    rows = values.reshape(len(values), -1).tolist()
    return "".join(" ".join(map(str, row)) + "\n" for row in rows).encode()


def compare_results(directory: Path, run: str) -> int:
    """Compare the outputs of a run of the test bench with the expected ones.

    run        csim or cosim
    returns    the number of samples compared

    Raises ToolError naming the first difference.
    """
    log = directory / RESULTS[run]
    if not log.exists():
        raise ToolError(f"{run} wrote no {log}: see {directory / LOG}")
    got = [line.split() for line in log.read_text().splitlines() if line.strip()]
    expected = [line.split() for line in (directory / EXPECTED).read_text().splitlines()]
    if len(got) != len(expected):
        raise ToolError(f"{run}: {len(got)} samples in {log}, {len(expected)} were sent")
    for i, (ours, theirs) in enumerate(zip(expected, got, strict=True)):
        for k, (wanted, found) in enumerate(zip_longest(ours, theirs, fillvalue="nothing")):
            if wanted != found:
                raise ToolError(
                    f"{run} differs from the golden model: sample {i}, score {k} must be {wanted}, "
                    f"found {found} (line {i + 1} of {log})"
                )
    return len(got)


# -- the tool --------------------------------------------------------------------------------------


def missing() -> str | None:
    """Return why Vitis HLS cannot run, and what to do; None if it can."""
    if _command() is not None:
        return None
    return (
        "not on PATH: neither vitis-run nor vitis_hls; install Vitis and source its settings64.sh "
        "(the HLS C++ is written and can be taken to a machine that has it)"
    )


def _command() -> list[str] | None:
    if path := shutil.which("vitis-run"):
        return [path, "--mode", "hls", "--tcl", "build_prj.tcl"]
    if path := shutil.which("vitis_hls"):
        return [path, "-f", "build_prj.tcl"]
    return None


def build(directory: Path, options: Mapping[str, bool], *, log_to_stdout: bool) -> dict[str, Any]:
    """Run hls4ml's script of a project in Vitis HLS, and read the reports.

    directory        the written project
    options          hls4ml's: reset, csim, synth, cosim, validation, export, vsynth, fifo_opt
    log_to_stdout    whether to print the tool's output, which ``vitis.log`` holds in any case

    Returns hls4ml's report, with the command as ``vitis_hls``.  Raises ToolError if the tool is
    missing or fails, or if csim or cosim differ from the golden model.
    """
    command = _command()
    if command is None:
        raise ToolError(f"Vitis HLS: {missing()}")
    settings = "".join(f"    {name:10} {int(on)}\n" for name, on in options.items())
    write_atomically(directory / "build_opt.tcl", f"array set opt {{\n{settings}}}\n".encode())
    reports = [directory.glob(f"*_prj/*/{step}/report/*") for step in ("syn", "sim")]
    for stale in (*(directory / log for log in RESULTS.values()), *chain(*reports)):
        stale.unlink(missing_ok=True)  # or old files could be mistaken for results of this run
    _run(command, directory, log_to_stdout)
    for run in RESULTS:
        if options[run]:
            compare_results(directory, run)
    return _report(directory, options) | {"vitis_hls": " ".join(command)}


def _run(command: list[str], directory: Path, log_to_stdout: bool) -> None:
    log = directory / LOG
    with log.open("w") as file:

        def watch(line: str) -> None:
            file.write(line)
            if log_to_stdout:
                print(line, end="", flush=True)

        status, lines = run_process(command, cwd=directory, watch=watch)
    if status:
        raise ToolError(
            f"{Path(command[0]).name} failed with status {status} ({log}):\n"
            + "".join(lines[-TAIL_LINES:])
        )


def _report(directory: Path, options: Mapping[str, bool]) -> dict[str, Any]:
    """Return hls4ml's summary of the reports; raise ToolError if a requested report is absent."""
    from hls4ml.report import parse_vivado_report

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints a line for each absent report
            report: dict[str, Any] = parse_vivado_report(str(directory)) or {}
    except (AttributeError, IndexError, KeyError, ValueError) as error:
        raise ToolError(
            f"Vitis HLS ended, but its reports in {directory} cannot be read "
            f"({type(error).__name__}: {error}); see {directory / LOG}"
        ) from None
    for option, part in (("synth", "CSynthesisReport"), ("cosim", "CosimReport")):
        if options[option] and not report.get(part):
            raise ToolError(f"Vitis HLS ended without a {part}: see {directory / LOG}")
    if options["cosim"] and (status := report["CosimReport"]["Status"]) != "Pass":
        raise ToolError(f"co-simulation ended with status {status}: see {directory / LOG}")
    return report
