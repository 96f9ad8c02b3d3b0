"""Write the tops of a design: instances and wires, never logic."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rfssm.hls.design import Design, Parameters, address_bits

_DENSE_LANES = 8
HOLDERS = re.compile(r"\brfssm_(cells|layer|readout|rom|synapse|synapse_accumulate)\b")
_HEADER = """\
// SPDX-License-Identifier: Apache-2.0
//
// {purpose}
// Generated; the logic is in the rfssm_*.sv modules.
`default_nettype none

"""
_FOOTER = "endmodule\n`default_nettype wire\n"

_AXIS_PORTS = """\
  input  wire logic aclk,
  input  wire logic aresetn,

  input  wire logic s_axis_tvalid,
  output wire logic s_axis_tready,
{tdata}
  input  wire logic s_axis_tlast,

  output wire logic m_axis_tvalid,
  input  wire logic m_axis_tready,
  output wire logic {out} m_axis_tdata,
  output wire logic m_axis_tlast"""


def core(design: Design) -> str:
    """Return the module with the chain of layers and the readout."""
    network = design.network
    address = address_bits(network.input.channels)
    n_trace = max(1, len(design.layers))
    lines = [
        _HEADER.format(purpose="Events -> layers -> readout -> score packets, with trace ports."),
        f"module {design.name}_core (\n",
        "  input  wire logic clk,\n  input  wire logic rst,\n\n",
        "  input  wire logic s_valid,\n  output wire logic s_ready,\n",
        f"  input  wire logic {_range(address)} s_addr,\n",
        f"  input  wire logic {_range(design.value_bits)} s_value,\n",
        "  input  wire logic s_step_end,\n  input  wire logic s_last,\n\n",
        "  output wire logic m_valid,\n  input  wire logic m_ready,\n",
        f"  output wire logic signed {_range(design.data_bits)} m_data,\n",
        "  output wire logic m_last,\n\n",
        f"  output wire logic {_range(n_trace)} trace_valid,  // verification only\n",
        f"  output wire logic {_range(design.trace_bits)} trace_data\n);\n",
    ]
    source = "s"
    for i, (parameters, field) in enumerate(zip(design.layers, design.trace, strict=True)):
        lines += [
            f"\n  wire logic e{i}_valid, e{i}_ready, e{i}_step_end, e{i}_last;\n",
            f"  wire logic {_range(address_bits(field.neurons))} e{i}_addr;\n",
            f"  wire logic {_range(int(parameters['OUT_W']))} e{i}_value;\n",
            f"  wire logic {_range(field.chunk_bits)} t{i}_chunk;\n",
            f"  wire logic {_range(field.lanes)} t{i}_spike;\n",
            f"  wire logic {_range(field.lanes * field.state_bits)} t{i}_u, t{i}_v;\n",
            f"  assign trace_data[{field.offset} +: {field.bits}] = "
            f"{{t{i}_spike, t{i}_v, t{i}_u, t{i}_chunk}};\n",
            _instance(
                _holder("rfssm_layer", design),
                f"layer{i}",
                parameters,
                [
                    ".clk, .rst",
                    *_events("s", source),
                    *_events("m", f"e{i}"),
                    f".trace_valid(trace_valid[{i}]), .trace_chunk(t{i}_chunk), "
                    f".trace_spike(t{i}_spike)",
                    f".trace_u(t{i}_u), .trace_v(t{i}_v)",
                ],
            ),
        ]
        source = f"e{i}"
    if not design.layers:
        lines.append("\n  assign trace_valid = 1'b0;\n  assign trace_data = 1'b0;\n")
    lines += [
        "\n",
        _instance(
            _holder("rfssm_readout", design),
            "readout",
            design.readout,
            [".clk, .rst", *_events("s", source), ".m_valid, .m_ready, .m_data, .m_last"],
        ),
        _FOOTER,
    ]
    return "".join(lines)


def axis(design: Design, *, trace: bool) -> str:
    """Return the top with AXI4-Stream events in and AXI4-Stream packets out."""
    suffix = "axis_trace" if trace else "axis"
    ports = _AXIS_PORTS.format(
        tdata="  input  wire logic [31:0] s_axis_tdata,", out=_range(design.tdata_bits)
    )
    source = _instance(
        "rfssm_axis_in",
        "source",
        {"N_IN": design.network.input.channels, "VALUE_W": design.value_bits},
        [
            ".clk(aclk), .rst",
            ".s_axis_tvalid, .s_axis_tready, .s_axis_tdata, .s_axis_tlast",
            *_events("m", "e"),
        ],
    )
    purpose = "AXI4-Stream events in, AXI4-Stream scores and label out"
    return _top(design, f"{design.name}_{suffix}", purpose, ports, source, trace=trace)


def axis_dense(design: Design) -> str:
    """Return the top with AXI4-Stream dense beats in and AXI4-Stream packets out."""
    used = design.network.input.channels * design.value_bits
    ports = _AXIS_PORTS.format(
        tdata="  /* verilator lint_off UNUSEDSIGNAL */  // filled up to whole bytes\n"
        f"  input  wire logic {_range(-(-used // 8) * 8)} s_axis_tdata,\n"
        "  /* verilator lint_on UNUSEDSIGNAL */",
        out=_range(design.tdata_bits),
    )
    source = _instance(
        "rfssm_dense",
        "source",
        {
            "N_IN": design.network.input.channels,
            "VALUE_W": design.value_bits,
            "LANES": _DENSE_LANES,
        },
        [
            ".clk(aclk), .rst",
            ".s_valid(s_axis_tvalid), .s_ready(s_axis_tready)",
            f".s_data(s_axis_tdata{_range(used)}), .s_last(s_axis_tlast)",
            *_events("m", "e"),
        ],
    )
    purpose = "AXI4-Stream dense beats in, one step each; AXI4-Stream scores and label out"
    return _top(design, f"{design.name}_axis_dense", purpose, ports, source, trace=False)


def _top(design: Design, module: str, purpose: str, ports: str, source: str, *, trace: bool) -> str:
    n_trace = _range(max(1, len(design.layers)))
    trace_ports = (
        f",\n\n  output wire logic {n_trace} trace_valid,  // verification only\n"
        f"  output wire logic {_range(design.trace_bits)} trace_data"
    )
    unused_trace = (
        "  /* verilator lint_off UNUSEDSIGNAL */  // the trace is for verification\n"
        f"  wire logic {n_trace} trace_valid;\n"
        f"  wire logic {_range(design.trace_bits)} trace_data;\n"
        "  /* verilator lint_on UNUSEDSIGNAL */\n"
    )
    return "".join(
        [
            _HEADER.format(purpose=f"{purpose}."),
            f"module {module} (\n{ports}{trace_ports if trace else ''}\n);\n",
            "  wire logic rst = !aresetn;\n",
            "  wire logic e_valid, e_ready, e_step_end, e_last;\n",
            f"  wire logic {_range(address_bits(design.network.input.channels))} e_addr;\n",
            f"  wire logic {_range(design.value_bits)} e_value;\n",
            "  wire logic r_valid, r_ready, r_last;\n",
            f"  wire logic signed {_range(design.data_bits)} r_data;\n",
            "" if trace else unused_trace,
            "\n",
            source,
            "\n",
            f"  {design.name}_core core (\n    .clk(aclk), .rst,\n    ",
            ",\n    ".join(_events("s", "e")),
            ",\n    .m_valid(r_valid), .m_ready(r_ready), .m_data(r_data), .m_last(r_last),\n",
            "    .trace_valid, .trace_data\n  );\n\n",
            _instance(
                "rfssm_axis_out",
                "sink",
                {"DATA_W": design.data_bits, "TDATA_W": design.tdata_bits},
                [
                    ".clk(aclk), .rst",
                    ".s_valid(r_valid), .s_ready(r_ready), .s_data(r_data), .s_last(r_last)",
                    ".m_axis_tvalid, .m_axis_tready, .m_axis_tdata, .m_axis_tlast",
                ],
            ),
            _FOOTER,
        ]
    )


def _instance(module: str, name: str, parameters: Parameters, ports: Sequence[str]) -> str:
    values = [f'.{k}("{v}")' if isinstance(v, str) else f".{k}({v})" for k, v in parameters.items()]
    joined = ",\n    ".join(values)
    return f"  {module} #(\n    {joined}\n  ) {name} (\n    " + ",\n    ".join(ports) + "\n  );\n"


def _events(port: str, wire: str) -> list[str]:
    """Return the connections of an event stream."""

    def connect(*signals: str) -> str:
        return ", ".join(f".{port}_{signal}({wire}_{signal})" for signal in signals)

    return [connect("valid", "ready"), connect("addr", "value"), connect("step_end", "last")]


def _range(bits: int) -> str:
    return f"[{bits - 1}:0]"


def _holder(module: str, design: Design) -> str:
    """Return the name of a module that holds a memory in this design."""
    return own(module, design) if design.inline_memories else module


def own(text: str, design: Design) -> str:
    """Return a text in which the design's own modules replace the hand-written ones."""
    return HOLDERS.sub(rf"{design.name}_\1", text)
