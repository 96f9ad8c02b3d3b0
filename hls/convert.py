"""Write the hardware of a network: an HLS C++ project, SystemVerilog and its test bench."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from rfssm.hls.boards.boards import Board, write_board
from rfssm.hls.design import LaneChoice
from rfssm.hls.emit.bench import write_bench
from rfssm.hls.emit.fusesoc import MODULES_CORE, write_core
from rfssm.hls.emit.project import write_rtl
from rfssm.hls.hls4ml.plugin import convert_network, missing
from rfssm.hls.hls4ml.vitis import write_test_data
from rfssm.outputs import whole_folder
from rfssm.quant.network import IntegerNetwork
from rfssm.quant.samples import Samples, check_call


@dataclass(frozen=True)
class Hardware:
    """The folders and files of a converted network."""

    hls: Path | None  # the hls4ml project; None if no HLS C++ was written
    rtl: Path  # the IP in SystemVerilog
    bench: Path  # `make` in this folder simulates the IP
    core: Path  # the FuseSoC core of the network
    modules_core: Path  # the FuseSoC core of the modules, which the networks of a design share
    boards: tuple[Path, ...]  # a top with a UART and its constraints for each board


def convert(
    network: IntegerNetwork,
    out: Path,
    samples: Samples,
    *,
    backend: str | None = None,
    lanes: LaneChoice | None = None,
    boards: Sequence[Board] = (),
    name: str | None = None,
    inline_memories: bool = False,
) -> Hardware:
    """Write all files of a network's hardware into ``out``, which appears complete or not at all.

    samples    samples that the test benches of the HLS C++ and of the SystemVerilog send
    backend    backend of the HLS C++: RFSSM, Vitis or Vivado; None: RFSSM if hls4ml is installed,
               else no HLS C++ is written
    lanes      the same for all layers, or one each; ``default_lanes`` if absent
    boards     boards that get a top and constraints
    name       name of everything that is generated; the network's if absent.  Two networks in one
               design need two names.
    inline_memories    whether memory contents go into the SystemVerilog, for tools that lose files

    Raises HardwareError for an invalid backend, lanes or name, ToolError if a backend is given and
    hls4ml is not installed.
    """
    check_call(network, samples)
    with_hls = backend is not None or missing() is None
    with whole_folder(out) as working:
        if with_hls:
            model = convert_network(
                network,
                working / "hls",
                backend or "RFSSM",
                lanes=lanes,
                name=name,
                rtl=False,
                test_data=False,
            )
            model.write()
            write_test_data(working / "hls", network, samples, network.input.steps_max)
            file = working / "hls" / "hls4ml_config.yml"  # the only file that holds its own path
            settings = yaml.safe_load(file.read_text()) | {"OutputDir": str(out.resolve() / "hls")}
            file.write_text(yaml.safe_dump(settings))
        design = write_rtl(network, working / "rtl", lanes, name, inline_memories=inline_memories)
        write_bench(design, samples, working / "bench", Path("../rtl"))
        for board in boards:
            write_board(design, board, working / "boards" / board.name)
        core = write_core(design, working, boards)
    return Hardware(
        hls=out / "hls" if with_hls else None,
        rtl=out / "rtl",
        bench=out / "bench",
        core=out / core.name,
        modules_core=out / MODULES_CORE,
        boards=tuple(out / "boards" / board.name for board in boards),
    )
