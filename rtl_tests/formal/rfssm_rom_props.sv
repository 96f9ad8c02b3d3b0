  // Properties of rfssm_rom with the file that test_arithmetic.py writes: word i is 7 i + 3.
  logic [1:0] f_age;
  logic [ADDR_W-1:0] f_addr, f_addr2;
  initial f_age = 2'd0;
  always_ff @(posedge clk) begin
    assume (int'(addr) < DEPTH);
    f_age   <= {f_age[0], 1'b1};
    f_addr  <= addr;
    f_addr2 <= f_addr;
    if (f_age == '1) word: assert (q == W'(7 * int'(f_addr2) + 3));
    last: cover (f_age == '1 && int'(f_addr2) == DEPTH - 1);
  end
