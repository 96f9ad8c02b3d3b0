  // What the properties of rfssm_readout look at in its packets: one class's score, of any class, and
  // the label, in both places.
  (* anyconst *) logic [CLASS_W-1:0] f_class;
  wire logic [2*SCORE_W-1:0] f_kept   = {scores[{1'b1, f_class}], scores[{1'b0, f_class}]};
  wire logic [2*CLASS_W-1:0] f_labels = {label_q[1], label_q[0]};
