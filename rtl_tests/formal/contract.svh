  // The integer contract (docs/concepts/contract.md) as it is written there: floor, remainder and limits
  // of whole numbers, without the circuits' shortcuts.  C_W: bits that hold every number met.
  function automatic signed [C_W-1:0] contract_round(
    input signed [C_W-1:0] x, input integer shift, input integer mode
  );
    logic signed [C_W-1:0] floor, twice_rest, one;
    one = C_W'(1) <<< shift;
    floor = x >>> shift;
    twice_rest = (x - (floor <<< shift)) <<< 1;
    case (mode)
      0: contract_round = floor;                                            // TRN
      1: contract_round = (x < 0) ? -((-x) >>> shift) : floor;              // TRN_ZERO
      2: contract_round = floor + C_W'(twice_rest >= one);                  // RND
      default: contract_round =                                             // RND_CONV
          floor + C_W'(twice_rest > one || (twice_rest == one && floor[0]));
    endcase
  endfunction

  function automatic signed [C_W-1:0] contract_fit(
    input signed [C_W-1:0] x, input integer bits, input integer saturate
  );
    logic signed [C_W-1:0] high, low;
    high = (C_W'(1) <<< (bits - 1)) - C_W'(1);
    low = -high - C_W'(1);
    if (saturate != 0) contract_fit = (x > high) ? high : (x < low) ? low : x;
    else contract_fit = x - (((x - low) >>> bits) <<< bits);                // WRAP
  endfunction
