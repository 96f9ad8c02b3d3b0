  // Properties of rfssm_saturate: the contract's SAT or, with SATURATE = 0, WRAP.
  localparam int C_W = A_W + 2;
`include "contract.svh"
  always_comb begin
    fitted: assert (C_W'(y) == contract_fit(C_W'(a), Y_W, SATURATE));
    above:  cover (C_W'(y) < C_W'(a));
    below:  cover (C_W'(y) > C_W'(a));
    exact:  cover (C_W'(y) == C_W'(a));
  end
