// SPDX-License-Identifier: Apache-2.0
//
// The IP's two streams behind eight pins, for placing it alone on a package with few of them.
//
//   in     s_shift takes s_bit into a beat of IN_W bits, lowest bit first; s_valid offers the beat
//          to the IP until s_ready answers
//   out    m_ready takes the IP's beat of OUT_W bits when m_valid is up; then m_bit is its lowest
//          bit, and m_shift moves on to the next
//
// Nothing is lost if the other side waits for s_ready and m_valid.  A beat takes at least IN_W + 1 and
// OUT_W + 1 cycles: good for area and Fmax, not for throughput.
//
// Latency 0 from s_valid to x_valid and from y_valid to m_valid.  Cost: IN_W + OUT_W flip-flops and
// as many look-up tables.
`default_nettype none

module rfssm_pins #(
  parameter int IN_W  = 33,
  parameter int OUT_W = 33
) (
  input  wire logic             clk,

  input  wire logic             s_bit,
  input  wire logic             s_shift,
  input  wire logic             s_valid,
  output wire logic             s_ready,

  output wire logic             m_bit,
  input  wire logic             m_shift,
  output wire logic             m_valid,
  input  wire logic             m_ready,

  output wire logic             x_valid,  // to the IP
  input  wire logic             x_ready,
  output wire logic [IN_W-1:0]  x_data,
  input  wire logic             y_valid,  // from the IP
  output wire logic             y_ready,
  input  wire logic [OUT_W-1:0] y_data
);
  initial if (IN_W < 2 || OUT_W < 2) $fatal(1, "%m: IN_W and OUT_W must be at least 2");

  logic [IN_W-1:0]  in_q;
  logic [OUT_W-1:0] out_q;
  assign x_valid = s_valid;
  assign s_ready = x_ready;
  assign x_data  = in_q;
  assign m_valid = y_valid;
  assign y_ready = m_ready;
  assign m_bit   = out_q[0];

  always_ff @(posedge clk) begin
    if (s_shift) in_q <= {s_bit, in_q[IN_W-1:1]};
    if (y_valid && y_ready) out_q <= y_data;
    else if (m_shift)       out_q <= {1'b0, out_q[OUT_W-1:1]};
  end
endmodule
`default_nettype wire
