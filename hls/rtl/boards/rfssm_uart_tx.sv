// SPDX-License-Identifier: Apache-2.0
//
// Bytes -> serial line: 8 data bits, no parity, 1 stop bit, the lowest bit first.
//
// Latency 1 from an accepted byte to its start bit.  II: 10 bits and 1 cycle.
// Cost: $clog2(CLKS_PER_BIT) + 13 flip-flops.
`default_nettype none

module rfssm_uart_tx #(
  parameter int CLKS_PER_BIT = 25
) (
  input  wire logic       clk,
  input  wire logic       rst,

  input  wire logic       s_valid,
  output wire logic       s_ready,
  input  wire logic [7:0] s_data,

  output wire logic       line  // high when idle
);
  localparam int COUNT_W = $clog2(CLKS_PER_BIT);
  localparam logic [COUNT_W-1:0] WHOLE = COUNT_W'(CLKS_PER_BIT - 1);

  initial if (CLKS_PER_BIT < 4) $fatal(1, "%m: CLKS_PER_BIT must be at least 4");

  logic [COUNT_W-1:0] count_q;
  logic [3:0]         left_q;   // bits still to come, the one on the line included
  logic [8:0]         shift_q;  // the lowest is on the line

  assign s_ready = (left_q == '0);
  assign line    = shift_q[0];

  always_ff @(posedge clk) begin
    count_q <= count_q - 1'b1;
    if (left_q == '0) begin
      count_q <= WHOLE;
      if (s_valid) begin
        shift_q <= {s_data, 1'b0};
        left_q  <= 4'd10;
      end
    end else if (count_q == '0) begin
      count_q <= WHOLE;
      shift_q <= {1'b1, shift_q[8:1]};  // the stop bit follows the data, and stays
      left_q  <= left_q - 1'b1;
    end
    if (rst) begin
      left_q  <= '0;
      shift_q <= '1;
    end
  end
endmodule
`default_nettype wire
