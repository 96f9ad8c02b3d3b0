// SPDX-License-Identifier: Apache-2.0
//
// q = a / 2^SHIFT, rounded to an integer.  The only place where this hardware rounds.
//
//   ROUND  0 TRN       floor
//          1 TRN_ZERO  toward zero
//          2 RND       floor(x + 1/2)
//          3 RND_CONV  nearest, half to even
//
//   a   A_W bits, signed      q   Q_W bits, signed: never overflows, also where SHIFT exceeds A_W
//
// Combinational.  Cost: one adder of WIDE_W bits (none for TRN or SHIFT = 0).
`default_nettype none

module rfssm_round #(
  parameter int A_W   = 35,
  parameter int SHIFT = 14,
  parameter int ROUND = 2,
  localparam int WIDE_W = (A_W > SHIFT + 1) ? A_W + 1 : SHIFT + 2,
  localparam int Q_W    = WIDE_W - SHIFT
) (
  input  wire logic signed [A_W-1:0] a,
  output wire logic signed [Q_W-1:0] q
);
  initial begin
    if (A_W < 1 || SHIFT < 0) $fatal(1, "%m: need A_W >= 1 and SHIFT >= 0");
    if (ROUND < 0 || ROUND > 3) $fatal(1, "%m: ROUND must be 0, 1, 2 or 3");
  end

  generate
    if (SHIFT == 0) begin : g_exact
      assign q = Q_W'(a);
    end else begin : g_shift
      localparam logic [WIDE_W-1:0] ONE  = WIDE_W'(1);
      localparam logic [WIDE_W-1:0] HALF = ONE << (SHIFT - 1);
      localparam logic [WIDE_W-1:0] MASK = (ONE << SHIFT) - ONE;
      wire logic signed [WIDE_W-1:0] wide = WIDE_W'(a);
      /* verilator lint_off UNUSEDSIGNAL */  // the fraction: only RND_CONV looks at it again
      wire logic [WIDE_W-1:0] moved;
      /* verilator lint_on UNUSEDSIGNAL */
      if (ROUND == 0) begin : g_trn
        assign moved = wide;
      end else if (ROUND == 1) begin : g_trn_zero
        assign moved = wide + (a[A_W-1] ? MASK : '0);
      end else begin : g_half
        assign moved = wide + HALF;
      end
      if (ROUND == 3) begin : g_conv
        // a + 1/2 without a fraction was exactly half: the even neighbour has bit 0 clear
        wire logic tie = (moved[SHIFT-1:0] == '0);
        assign q = {moved[WIDE_W-1:SHIFT+1], moved[SHIFT] && !tie};
      end else begin : g_plain
        assign q = moved[WIDE_W-1:SHIFT];
      end
    end
  endgenerate
endmodule
`default_nettype wire
