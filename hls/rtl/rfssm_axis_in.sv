// SPDX-License-Identifier: Apache-2.0
//
// AXI4-Stream beats -> events, through a skid buffer.
//
//   tdata [15:0]   value, zero- or sign-extended; its low VALUE_W bits are used
//         [27:16]  address; an address beyond N_IN counts as value 0
//         [31]     step_end
//   tlast          the beat ends the sample, and with it the step
//
// Latency 1, II 1.  Cost: 2 * (address + value + 2) + 3 flip-flops and one compare.
`default_nettype none

module rfssm_axis_in #(
  parameter int N_IN    = 140,
  parameter int VALUE_W = 1,
  localparam int ADDR_W = (N_IN > 1) ? $clog2(N_IN) : 1
) (
  input  wire logic               clk,
  input  wire logic               rst,

  input  wire logic               s_axis_tvalid,
  output wire logic               s_axis_tready,
  /* verilator lint_off UNUSEDSIGNAL */  // reserved bits, and the extension of the value
  input  wire logic [31:0]        s_axis_tdata,
  /* verilator lint_on UNUSEDSIGNAL */
  input  wire logic               s_axis_tlast,

  output wire logic               m_valid,
  input  wire logic               m_ready,
  output wire logic [ADDR_W-1:0]  m_addr,
  output wire logic [VALUE_W-1:0] m_value,
  output wire logic               m_step_end,
  output wire logic               m_last
);
  initial begin
    if (N_IN < 1 || N_IN > 4096) $fatal(1, "%m: N_IN must be 1 to 4096");
    if (VALUE_W < 1 || VALUE_W > 16) $fatal(1, "%m: VALUE_W must be 1 to 16");
  end

  wire logic [11:0]        addr  = s_axis_tdata[27:16];
  wire logic [ADDR_W-1:0]  low   = addr[ADDR_W-1:0];
  wire logic [VALUE_W-1:0] value = (32'(addr) < N_IN) ? s_axis_tdata[VALUE_W-1:0] : '0;
  wire logic               step_end = s_axis_tdata[31] || s_axis_tlast;

  rfssm_skid #(.W(ADDR_W + VALUE_W + 2)) skid (
    .clk, .rst,
    .s_valid(s_axis_tvalid), .s_ready(s_axis_tready),
    .s_data({s_axis_tlast, step_end, low, value}),
    .m_valid, .m_ready, .m_data({m_last, m_step_end, m_addr, m_value})
  );
endmodule
`default_nettype wire
