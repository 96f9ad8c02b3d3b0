// SPDX-License-Identifier: Apache-2.0
//
// One lane of rfssm_cells: a second-order cell, in each cycle that of another neuron,
//
//   u' = sat(round(a00 u + a01 v) + (I_u << GUARD) + bias_u + s R_u)
//   v' = sat(round(a10 u + a11 v) + (I_v << GUARD) + bias_v + s R_v)
//   s' = u' > limit                                     s: the neuron's spike of the step before
//
//   u, v, R, limit   STATE_W bits, signed    a   TRANS_W bits, TRANS_FRAC of them fraction
//   bias             BIAS_W bits, signed     I   CURRENT_W bits, signed; 0 where `silent`
//
// The two products of a row are summed exactly and rounded once (ROUND as in rfssm_round); then the
// additions, exact; then one saturation (SATURATE = 0: the low STATE_W bits).
//
// A port's number is the stage in which it belongs to a neuron: stage k comes k cycles after the
// issue of the neuron's chunk.
//
// Latency: 6 cycles from a state to the next one.  II: 1.
// Cost: 4 multipliers of STATE_W x TRANS_W.
`default_nettype none

module rfssm_cell #(
  parameter int STATE_W    = 18,
  parameter int TRANS_W    = 16,
  parameter int TRANS_FRAC = 14,
  parameter int CURRENT_W  = 14,
  parameter int GUARD      = 3,
  parameter int BIAS_W     = 0,   // 0: no bias
  parameter int COMPLEX    = 1,   // 0: I_v = bias_v = 0
  parameter int ROTATION   = 1,
  parameter int RESET      = 0,
  parameter int ROUND      = 2,
  parameter int SATURATE   = 1,
  localparam int PARTS     = COMPLEX + 1,
  localparam int COEF_W    = (ROTATION != 0 ? 2 : 4) * TRANS_W,
  localparam int ADDED_W   = (RESET != 0 ? 2 * STATE_W : 0) + BIAS_W * PARTS,
  localparam int OFFSET_W  = (ADDED_W > 0) ? ADDED_W : 1
) (
  input  wire logic                       clk,
  input  wire logic signed [STATE_W-1:0]  u, v,            // 2
  input  wire logic [COEF_W-1:0]          coef,            // 2: {a11, a10, a01, a00} or, with
                                                           // ROTATION, {-a01 = a10, a11 = a00}
  /* verilator lint_off UNUSEDSIGNAL */  // without bias and reset there is nothing to add
  input  wire logic [OFFSET_W-1:0]        offset,          // 4: {R_v, R_u, bias_v, bias_u}
  input  wire logic                       spiked,          // 4: s
  /* verilator lint_on UNUSEDSIGNAL */
  input  wire logic                       silent,          // 4
  input  wire logic [PARTS*CURRENT_W-1:0] current,         // 4: {I_v, I_u}
  input  wire logic signed [STATE_W-1:0]  limit,           // 8
  output wire logic signed [STATE_W-1:0]  u_next, v_next,  // 8
  output wire logic                       spike            // 8: s'
);
  localparam int PROD_W = STATE_W + TRANS_W;
  localparam int SUM_W  = PROD_W + 1;
  localparam int Q_W    = ((SUM_W > TRANS_FRAC + 1) ? SUM_W + 1 : TRANS_FRAC + 2) - TRANS_FRAC;
  localparam int IN_W   = CURRENT_W + GUARD;
  localparam int ADD_W  = STATE_W + ((RESET != 0 && BIAS_W != 0) ? 1 : 0);
  localparam int X_W    = ((IN_W > ADD_W) ? IN_W : ADD_W) + 1;
  localparam int R_W    = ((Q_W > X_W) ? Q_W : X_W) + 1;
  wire logic [2*STATE_W-1:0] next;
  assign {v_next, u_next} = next;
  assign spike = (u_next > limit);

  for (genvar j = 0; j < 2; j++) begin : g_part  // 0: u, 1: v
    // stages 2-4: products
    localparam int A_U = (ROTATION != 0) ? j : 2 * j;
    localparam int A_V = (ROTATION != 0) ? 1 - j : 2 * j + 1;
    wire logic signed [TRANS_W-1:0] a_u = coef[A_U*TRANS_W +: TRANS_W];
    wire logic signed [TRANS_W-1:0] a_v = coef[A_V*TRANS_W +: TRANS_W];
    wire logic signed [PROD_W-1:0]  p_u, p_v;
    rfssm_mul #(.A_W(STATE_W), .B_W(TRANS_W)) mul_u (.clk, .a(u), .b(a_u), .p(p_u));
    rfssm_mul #(.A_W(STATE_W), .B_W(TRANS_W)) mul_v (.clk, .a(v), .b(a_v), .p(p_v));

    // stages 4-6, in the shadow of the products: what is added after rounding
    wire logic signed [ADD_W-1:0]     bias, r;
    wire logic signed [CURRENT_W-1:0] in;
    if (BIAS_W != 0 && j < PARTS) begin : g_bias
      assign bias = ADD_W'($signed(offset[j*BIAS_W +: BIAS_W]));
    end else begin : g_no_bias
      assign bias = '0;
    end
    if (RESET != 0) begin : g_reset
      assign r = spiked ? ADD_W'($signed(offset[PARTS*BIAS_W + j*STATE_W +: STATE_W])) : '0;
    end else begin : g_no_reset
      assign r = '0;
    end
    if (j < PARTS) begin : g_in
      assign in = silent ? '0 : current[j*CURRENT_W +: CURRENT_W];
    end else begin : g_no_in
      assign in = '0;
    end

    // stage 5: sum of the products; 6: the one rounding; 7: add; 8: saturate
    wire logic signed [SUM_W-1:0]   wide_u = SUM_W'(p_u), wide_v = SUM_W'(p_v);
    wire logic signed [Q_W-1:0]     rounded;
    wire logic signed [STATE_W-1:0] fitted;
    logic signed [ADD_W-1:0]     add_q5;
    logic signed [CURRENT_W-1:0] in_q5;
    logic signed [SUM_W-1:0]     sum_q5;
    logic signed [Q_W-1:0]       q_q6;
    logic signed [X_W-1:0]       x_q6;
    logic signed [R_W-1:0]       r_q7;
    logic signed [STATE_W-1:0]   next_q8;
    rfssm_round #(.A_W(SUM_W), .SHIFT(TRANS_FRAC), .ROUND(ROUND)) round (.a(sum_q5), .q(rounded));
    rfssm_saturate #(.A_W(R_W), .Y_W(STATE_W), .SATURATE(SATURATE)) fit (.a(r_q7), .y(fitted));
    always_ff @(posedge clk) begin
      add_q5  <= bias + r;
      in_q5   <= in;
      sum_q5  <= (j == 0 && ROTATION != 0) ? wide_u - wide_v : wide_u + wide_v;
      q_q6    <= rounded;
      x_q6    <= (X_W'(in_q5) <<< GUARD) + X_W'(add_q5);
      r_q7    <= R_W'(q_q6) + R_W'(x_q6);
      next_q8 <= fitted;
    end
    assign next[j*STATE_W +: STATE_W] = next_q8;
  end
endmodule
`default_nettype wire
