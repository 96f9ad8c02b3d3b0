  // Properties of rfssm_skid.  The source may do anything; no rule of the stream is assumed of it.
  (* anyconst *) logic [W-1:0] f_mark;  // the value of the marked beat
  wire logic f_s_valid = s_valid, f_s_ready = s_ready, f_m_valid = m_valid, f_m_ready = m_ready;
  wire logic f_is_mark = s_data == f_mark;
  wire logic [W-1:0] f_beat = m_data;
  wire logic f_spare_valid = spare_valid_q;
`include "stream.svh"

  always_ff @(posedge clk) if (f_past) begin
    if (f_next && m_valid) marked_unchanged: assert (m_data == f_mark);
`ifdef INVARIANTS
    if (f_marked && f_ahead == 2'd1) marked_is_spare: assert (spare_q == f_mark);
`endif
  end
  always_ff @(posedge clk) begin
    full: cover (f_past && !rst && f_marked && f_ahead == 2'd1);
    flows: cover (f_past && !rst && f_in && f_out && f_next);
  end
