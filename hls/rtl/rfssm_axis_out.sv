// SPDX-License-Identifier: Apache-2.0
//
// Score packets -> AXI4-Stream beats, sign-extended to TDATA_W bits, through a skid buffer.
//
// Latency 1, II 1.  Cost: 2 * TDATA_W + 5 flip-flops.
`default_nettype none

module rfssm_axis_out #(
  parameter int DATA_W  = 32,
  parameter int TDATA_W = 32
) (
  input  wire logic                     clk,
  input  wire logic                     rst,

  input  wire logic                     s_valid,
  output wire logic                     s_ready,
  input  wire logic signed [DATA_W-1:0] s_data,
  input  wire logic                     s_last,

  output wire logic                     m_axis_tvalid,
  input  wire logic                     m_axis_tready,
  output wire logic [TDATA_W-1:0]       m_axis_tdata,
  output wire logic                     m_axis_tlast
);
  initial if (DATA_W < 1 || TDATA_W < DATA_W) $fatal(1, "%m: need 1 <= DATA_W <= TDATA_W");

  rfssm_skid #(.W(TDATA_W + 1)) skid (
    .clk, .rst, .s_valid, .s_ready, .s_data({s_last, TDATA_W'(s_data)}),
    .m_valid(m_axis_tvalid), .m_ready(m_axis_tready), .m_data({m_axis_tlast, m_axis_tdata})
  );
endmodule
`default_nettype wire
