// SPDX-License-Identifier: Apache-2.0
//
// Stream register with registered outputs on both sides: cuts every path of a valid/ready border.
//
// s_ready is low in reset and in the cycle after it.  Latency 1, II 1.  Cost: 2 W + 3 flip-flops.
`default_nettype none

module rfssm_skid #(
  parameter int W = 33
) (
  input  wire logic         clk,
  input  wire logic         rst,

  input  wire logic         s_valid,
  output wire logic         s_ready,
  input  wire logic [W-1:0] s_data,

  output wire logic         m_valid,
  input  wire logic         m_ready,
  output wire logic [W-1:0] m_data
);
  initial if (W < 1) $fatal(1, "%m: W must be at least 1");

  logic         ready_q, valid_q;
  logic         spare_valid_q;  // a beat came while the output was stalled
  logic [W-1:0] data_q, spare_q;

  wire logic take = s_valid && ready_q;
  wire logic move = m_ready || !valid_q;
  assign s_ready = ready_q;
  assign m_valid = valid_q;
  assign m_data  = data_q;

  always_ff @(posedge clk) begin
    ready_q <= move || !(spare_valid_q || take);
    if (ready_q) spare_q <= s_data;
    if (move) begin
      valid_q       <= spare_valid_q || take;
      data_q        <= spare_valid_q ? spare_q : s_data;
      spare_valid_q <= 1'b0;
    end else if (take) begin
      spare_valid_q <= 1'b1;
    end
    if (rst) begin
      ready_q       <= 1'b0;
      valid_q       <= 1'b0;
      spare_valid_q <= 1'b0;
    end
  end
endmodule
`default_nettype wire
