  // Properties of a whole IP as it is emitted, whatever its weights and products are: the rules of
  // AXI4-Stream at its output, and packets of F_CLASSES scores and a label, one for each sample
  // taken in.
  localparam int F_CLASSES = 2;
  logic f_past = 1'b0;
  logic f_rst_q, f_stalled_q;
  logic [$bits(m_axis_tdata):0] f_out_q;
  logic [3:0] f_samples, f_packets;  // ended at the input, at the output
  logic [1:0] f_beat;                // of the packet that leaves
  wire logic f_in  = s_axis_tvalid && s_axis_tready;
  wire logic f_out = m_axis_tvalid && m_axis_tready;
  always_comb assume (f_past || !aresetn);
  always_ff @(posedge aclk) begin
    f_past      <= 1'b1;
    f_rst_q     <= !aresetn;
    f_stalled_q <= m_axis_tvalid && !m_axis_tready && aresetn;
    f_out_q     <= {m_axis_tlast, m_axis_tdata};
    f_samples   <= f_samples + 4'(f_in && s_axis_tlast);
    f_packets   <= f_packets + 4'(f_out && m_axis_tlast);
    if (f_out) f_beat <= m_axis_tlast ? '0 : f_beat + 1'b1;
    if (!aresetn) {f_samples, f_packets, f_beat} <= '0;
  end
  always_ff @(posedge aclk) if (f_past && aresetn) begin
    reset_empties: assert (!f_rst_q || !m_axis_tvalid);
    holds: assert (!f_stalled_q || (m_axis_tvalid && {m_axis_tlast, m_axis_tdata} == f_out_q));
`ifndef INVARIANTS
    // within the bound only
    if (m_axis_tvalid) begin
      sample_was_taken_in: assert (f_packets != f_samples);
      last_ends_the_packet: assert (m_axis_tlast == (int'(f_beat) == F_CLASSES));
    end
`endif
    packet_leaves: cover (f_out && m_axis_tlast);
  end
