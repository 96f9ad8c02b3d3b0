// SPDX-License-Identifier: Apache-2.0
//
// One of many words:  q(t+4) = word index(t), as that word was at t+1
//
// A wide choice is a tree of 4:1 multiplexers with a register behind each level, since what it
// costs is wire.  The first level's select comes straight from a register.
//
// Latency 4, II 1.  Cost: about (4/3) * WORDS * W LUTs and (1/3) * WORDS * W + W flip-flops.
`default_nettype none

module rfssm_select #(
  parameter int W     = 32,
  parameter int WORDS = 16,
  localparam int INDEX_W = (WORDS > 1) ? $clog2(WORDS) : 1
) (
  input  wire logic               clk,
  input  wire logic [WORDS*W-1:0] words,
  input  wire logic [INDEX_W-1:0] index,
  output wire logic [W-1:0]       q
);
  localparam int FOURS    = (WORDS + 3) / 4;
  localparam int SIXTEENS = (FOURS + 3) / 4;
  localparam int LAST     = (SIXTEENS > 1) ? SIXTEENS : 1;

  initial if (W < 1 || WORDS < 1) $fatal(1, "%m: W and WORDS must be at least 1");

  /* verilator lint_off UNUSEDSIGNAL */  // a level needs two bits, and the last one may be none
  logic [INDEX_W-1:0]    index_q, index_q2, index_q3;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [FOURS*W-1:0]    four_q;
  logic [SIXTEENS*W-1:0] sixteen_q;
  logic [W-1:0]          word_q;
  always_ff @(posedge clk) begin
    index_q  <= index;
    index_q2 <= index_q;
    index_q3 <= index_q2;
  end
  assign q = word_q;

  // of four words that are not all there, the first stands for those missing
  wire logic [1:0] s0 = 2'(index_q);
  wire logic [1:0] s1 = 2'(32'(index_q2) >> 2);
  for (genvar g = 0; g < FOURS; g++) begin : g_four
    wire logic [W-1:0] w0 = words[4*g*W +: W];
    wire logic [W-1:0] w1 = words[((4*g+1 < WORDS) ? 4*g+1 : 4*g)*W +: W];
    wire logic [W-1:0] w2 = words[((4*g+2 < WORDS) ? 4*g+2 : 4*g)*W +: W];
    wire logic [W-1:0] w3 = words[((4*g+3 < WORDS) ? 4*g+3 : 4*g)*W +: W];
    always_ff @(posedge clk) four_q[g*W +: W] <= s0[1] ? (s0[0] ? w3 : w2) : (s0[0] ? w1 : w0);
  end
  for (genvar g = 0; g < SIXTEENS; g++) begin : g_sixteen
    wire logic [W-1:0] w0 = four_q[4*g*W +: W];
    wire logic [W-1:0] w1 = four_q[((4*g+1 < FOURS) ? 4*g+1 : 4*g)*W +: W];
    wire logic [W-1:0] w2 = four_q[((4*g+2 < FOURS) ? 4*g+2 : 4*g)*W +: W];
    wire logic [W-1:0] w3 = four_q[((4*g+3 < FOURS) ? 4*g+3 : 4*g)*W +: W];
    always_ff @(posedge clk) sixteen_q[g*W +: W] <= s1[1] ? (s1[0] ? w3 : w2) : (s1[0] ? w1 : w0);
  end
  generate
    if (LAST == 1) begin : g_done
      always_ff @(posedge clk) word_q <= sixteen_q;
    end else begin : g_last
      localparam int LAST_W = $clog2(LAST);
      wire logic [W-1:0] word [0:LAST-1];
      for (genvar g = 0; g < LAST; g++) begin : g_word
        assign word[g] = sixteen_q[g*W +: W];
      end
      always_ff @(posedge clk) word_q <= word[LAST_W'(index_q3 >> 4)];
    end
  endgenerate
endmodule
`default_nettype wire
