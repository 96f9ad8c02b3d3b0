  // What the properties of rfssm_synapse look at in its reader: one word, any, of both banks.
  (* anyconst *) logic [WORD_W-1:0] f_word;
  wire logic [CUR_W-1:0] f_row0, f_row1;
  generate
    if (WORDS > 1) begin : g_f_banks
      assign f_row0 = g_memory.bank0[f_word];
      assign f_row1 = g_memory.bank1[f_word];
    end else begin : g_f_none
      assign f_row0 = '0;
      assign f_row1 = '0;
    end
  endgenerate
