  // What the properties of rfssm_synapse look at in its accumulator: the tags, and the values that
  // wait for their weights, of stage 1 and the following ones.
  wire logic [STAGES*TAG_W-1:0]      f_tags;
  wire logic [(2+LATE)*VALUE_W-1:0]  f_values;
  for (genvar k = 1; k <= STAGES; k++) begin : g_f_tag
    assign f_tags[(k-1)*TAG_W +: TAG_W] = tag_q[k];
  end
  for (genvar k = 1; k <= 2 + LATE; k++) begin : g_f_value
    if (MULTIPLY != 0) begin : g_f_waits
      assign f_values[(k-1)*VALUE_W +: VALUE_W] = g_multiply.wait_q[k];
    end else begin : g_f_none
      assign f_values[(k-1)*VALUE_W +: VALUE_W] = '0;
    end
  end
