  // Properties of rfssm_round: each mode is the contract's.
  localparam int C_W = ((A_W > SHIFT) ? A_W : SHIFT) + 4;
`include "contract.svh"
  wire logic signed [C_W-1:0] f_a = C_W'($signed(a));
  wire logic signed [A_W:0] f_trn      = q[0*(A_W+1) +: A_W+1];
  wire logic signed [A_W:0] f_trn_zero = q[1*(A_W+1) +: A_W+1];
  wire logic signed [A_W:0] f_rnd      = q[2*(A_W+1) +: A_W+1];
  wire logic signed [A_W:0] f_rnd_conv = q[3*(A_W+1) +: A_W+1];
  always_comb begin
    trn:      assert (C_W'(f_trn) == contract_round(f_a, SHIFT, 0));
    trn_zero: assert (C_W'(f_trn_zero) == contract_round(f_a, SHIFT, 1));
    rnd:      assert (C_W'(f_rnd) == contract_round(f_a, SHIFT, 2));
    rnd_conv: assert (C_W'(f_rnd_conv) == contract_round(f_a, SHIFT, 3));
    differ:   cover (f_trn != f_trn_zero && f_rnd != f_rnd_conv && f_trn != f_rnd);
  end
