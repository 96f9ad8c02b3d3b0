  // Properties of rfssm_select: q(t+4) is the word that index(t) chose, as it was at t+1.
  logic f_past = 1'b0;
  logic [3:0] f_age;  // cycles seen
  logic [INDEX_W-1:0] f_index;
  logic [W-1:0] f_due [2:4];
  initial f_age = '0;
  always_ff @(posedge clk) begin
    f_past <= 1'b1;
    if (f_age != '1) f_age <= f_age + 1'b1;
    f_index  <= index;
    f_due[2] <= words[int'(f_index)*W +: W];
    f_due[3] <= f_due[2];
    f_due[4] <= f_due[3];
  end
  always_comb assume ({20'd0, 12'(index)} < WORDS);

  always_ff @(posedge clk) if (f_age >= 4'd4) begin
    chosen: assert (q == f_due[4]);
    last_word: cover (q == '1 && f_due[3] == '0 && {20'd0, 12'(index_q3)} == WORDS - 1);
  end
`ifdef INVARIANTS
  always_ff @(posedge clk) if (f_past)
    counted: assert (f_age != '0);
`endif
