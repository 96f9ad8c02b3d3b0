  // Properties of rfssm_mul: p(t+2) = a(t) b(t), the schoolbook sum of a's multiples.  Products of
  // many bits are beyond SMT solvers; there b has one bit at a time, which tells every wire apart.
  localparam int P_W = A_W + B_W;
  function automatic signed [P_W-1:0] f_product(
    input signed [A_W-1:0] x, input signed [B_W-1:0] y
  );
    f_product = y[B_W-1] ? -(P_W'(x) <<< (B_W - 1)) : '0;
    for (int i = 0; i < B_W - 1; i++) if (y[i]) f_product = f_product + (P_W'(x) <<< i);
  endfunction

  logic [1:0] f_age;
  logic signed [P_W-1:0] f_p, f_p2;
  initial f_age = 2'd0;
  always_ff @(posedge clk) begin
    if (P_W > 12) assume ((b & (b - 1'b1)) == '0);
    f_age <= {f_age[0], 1'b1};
    f_p   <= f_product(a, b);
    f_p2  <= f_p;
    if (f_age == '1) product: assert (p == f_p2);
    lowest: cover (f_age == '1 && p == {2'b01, {(P_W-2){1'b0}}});  // lowest times lowest
  end
