// SPDX-License-Identifier: Apache-2.0
//
// Reset after configuration and while a button is pressed, for 2^WAIT_W cycles more.
//
// An FPGA starts with its flip-flops at their initial values, without a reset; the block RAM of an
// iCE40 reads as zero for some microseconds after configuration.  Cost: WAIT_W + 3 flip-flops.
`default_nettype none

module rfssm_power_on_reset #(
  parameter int WAIT_W = 10
) (
  input  wire logic clk,
  input  wire logic button,  // asynchronous, high when pressed
  output wire logic rst      // synchronous, active high
);
  initial if (WAIT_W < 1) $fatal(1, "%m: WAIT_W must be at least 1");

  logic              meta_q, button_q;
  logic [WAIT_W-1:0] count_q;
  logic              done_q;

  initial begin
    meta_q   = 1'b0;
    button_q = 1'b0;
    count_q  = '0;
    done_q   = 1'b0;
  end
  assign rst = !done_q;

  always @(posedge clk) begin  // not always_ff, which shares its variables with no initial block
    meta_q   <= button;
    button_q <= meta_q;
    if (!done_q) {done_q, count_q} <= {1'b0, count_q} + 1'b1;
    if (button_q) begin
      done_q  <= 1'b0;
      count_q <= '0;
    end
  end
endmodule
`default_nettype wire
