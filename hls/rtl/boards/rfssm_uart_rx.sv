// SPDX-License-Identifier: Apache-2.0
//
// Serial line -> bytes: 8 data bits, no parity, 1 stop bit, the lowest bit first.
//
// The line is asynchronous: two flip-flops take it into the clock's domain.  A start bit must still be
// low in its middle, or it was a glitch; every bit is sampled in its middle.  A stop bit that is low
// gives m_error instead of m_valid, and nothing more until the line has been high again (break).
//
//   m_valid, m_error   high for one cycle; there is no ready, as nobody can hold up a serial line
//
// Latency: 9 bits, half a bit and 3 cycles from the falling edge of the start bit to m_valid.
// II: 1 byte in 10 bits; the sender's clock may be off by 2 % (CLKS_PER_BIT 10 and more).
// Cost: $clog2(CLKS_PER_BIT) + 16 flip-flops.
`default_nettype none

module rfssm_uart_rx #(
  parameter int CLKS_PER_BIT = 25
) (
  input  wire logic       clk,
  input  wire logic       rst,

  input  wire logic       line,  // high when idle

  output wire logic       m_valid,
  output wire logic [7:0] m_data,
  output wire logic       m_error
);
  localparam int COUNT_W = $clog2(CLKS_PER_BIT);
  localparam logic [COUNT_W-1:0] WHOLE = COUNT_W'(CLKS_PER_BIT - 1);
  localparam logic [COUNT_W-1:0] HALF  = COUNT_W'(CLKS_PER_BIT / 2 - 1);
  localparam logic [3:0] IDLE = 4'd0, START = 4'd1, STOP = 4'd10, BREAK = 4'd11;  // 2 to 9: data

  initial if (CLKS_PER_BIT < 4) $fatal(1, "%m: CLKS_PER_BIT must be at least 4");

  logic               meta_q, line_q;
  logic [COUNT_W-1:0] count_q;  // cycles to the next sample
  logic [3:0]         bit_q;
  logic [7:0]         data_q;
  logic               valid_q, error_q;

  assign m_valid = valid_q;
  assign m_data  = data_q;
  assign m_error = error_q;

  always_ff @(posedge clk) begin
    meta_q  <= line;
    line_q  <= meta_q;
    valid_q <= 1'b0;
    error_q <= 1'b0;
    count_q <= count_q - 1'b1;
    if (bit_q == IDLE) begin
      if (!line_q) bit_q <= START;
      count_q <= HALF;
    end else if (bit_q == BREAK) begin
      if (line_q) bit_q <= IDLE;
    end else if (count_q == '0) begin
      count_q <= WHOLE;
      bit_q   <= bit_q + 1'b1;
      if (bit_q == START) begin
        if (line_q) bit_q <= IDLE;  // a glitch
      end else if (bit_q == STOP) begin
        valid_q <= line_q;
        error_q <= !line_q;
        bit_q   <= line_q ? IDLE : BREAK;
      end else begin
        data_q <= {line_q, data_q[7:1]};
      end
    end
    if (rst) begin
      meta_q  <= 1'b1;
      line_q  <= 1'b1;
      bit_q   <= IDLE;
      valid_q <= 1'b0;
      error_q <= 1'b0;
    end
  end
endmodule
`default_nettype wire
