  // Properties of rfssm_readout behind its sweep, whatever currents, products and constants are.
  // Assumed is what rfssm_sweep is proved to keep: all classes in order, only with room, flags that
  // stay for a sweep, `first` after `last`, LOOP cycles until a class comes again.
  // Reference: the integrator and the scores of two classes, any, in the last packets by number.
  //
  //   a packet is offered within PACKET_TIME cycles of the issue of its last class; with a ready
  //   sink the sweep waits for room at most ROOM_TIME cycles
  localparam int PACKET_TIME = PIPE + 1;
  localparam int ROOM_TIME = PACKET_TIME + CLASSES + 1;

  // -- environment --
  (* hierconn *) wire logic \sweep.room ;
  (* hierconn *) wire logic [1:0] \packets.taken_q ;
  wire logic [1:0] taken_q = \packets.taken_q ;
  (* anyseq *) logic f_last_next;
  logic f_past = 1'b0;
  logic f_run, f_first, f_last, f_fresh;
  logic [7:0] f_next, f_age;  // class that is issued next; cycles since f_class was
  (* anyconst *) logic [CLASS_W-1:0] f_class, f_other;
  wire logic [7:0] f_now = 8'(class_now);
  always_comb begin
    assume (f_past || rst);
    assume (int'(f_class) < CLASSES && int'(f_other) < CLASSES);
    if (issue) assume (f_run && \sweep.room && f_now == f_next && f_next < 8'(CLASSES)
                       && end_class == (f_next == 8'(CLASSES - 1))
                       && (class_now != f_class || f_age >= 8'(LOOP)));
    if (f_run) assume (first == f_first && last == f_last);
    if (step_free) assume (f_run && f_next + 8'(issue) == 8'(CLASSES));
    if (step_start) assume (!f_run || step_free);
  end
  always_ff @(posedge clk) begin
    f_past <= 1'b1;
    if (step_free) f_run <= 1'b0;
    if (issue) f_next <= f_next + 8'd1;
    if (step_start) begin
      f_run   <= 1'b1;
      f_next  <= '0;
      f_last  <= f_last_next;
      f_first <= f_fresh;
      f_fresh <= f_last_next;
    end
    f_age <= (f_age == '1) ? f_age : f_age + 8'd1;
    if (issue && class_now == f_class) f_age <= 8'd1;
    if (rst) begin
      f_run   <= 1'b0;
      f_fresh <= 1'b1;
      f_age   <= '1;
      f_next  <= '0;
    end
  end

  // -- packets, counted modulo 4: swept, gathered, gone --
  logic [1:0] f_swept, f_put, f_gone;
  logic [3:0] f_ends;  // last flag by packet
  logic [$clog2(CLASSES+1)-1:0] f_beat;  // of the packet that leaves
  wire logic f_out   = m_valid && m_ready;
  wire logic f_label = int'(f_beat) == CLASSES;
  wire logic f_sweeps = issue && end_class && (f_last || SCORE == 3);
  always_ff @(posedge clk) begin
    f_swept <= f_swept + 2'(f_sweeps);
    if (f_sweeps) f_ends[f_swept] <= f_last;
    f_put   <= f_put + 2'(put && end_q[9]);
    f_gone  <= f_gone + 2'(f_out && f_label);
    if (f_out) f_beat <= f_label ? '0 : f_beat + 1'b1;
    if (rst) {f_swept, f_put, f_gone, f_beat} <= '0;
  end

  // -- reference: integrator and score of a class, another class's score --
  logic signed [STATE_W-1:0] f_state;
  logic signed [SCORE_W-1:0] f_score;
  logic [SCORE_W-1:0] f_scores [0:3], f_others [0:3];  // by packet
  logic [PIPE:1] f_firsts;
  wire logic signed [SCORE_W-1:0] f_wide = SCORE_W'(m_q8);
  always_ff @(posedge clk) begin
    f_firsts <= {f_firsts[PIPE-1:1], f_first};
    if (valid_q[8] && class_q[8] == f_class) begin
      f_state <= m_q8;
      case (SCORE)
        0:       f_score <= f_firsts[8] ? f_wide : f_score + f_wide;
        2:       f_score <= (f_firsts[8] || f_wide > f_score) ? f_wide : f_score;
        default: f_score <= f_wide;
      endcase
    end
    if (put && class_q[9] == f_class) f_scores[f_put] <= score_q9;
    if (put && class_q[9] == f_other) f_others[f_put] <= score_q9;
  end
  wire logic signed [SCORE_W-1:0] f_due = f_scores[f_gone];
  wire logic signed [SCORE_W-1:0] f_due_other = f_others[f_gone];

  // -- waiting --
  logic [7:0] f_blocked, f_late;
  wire logic f_block = f_run && !\sweep.room && f_next < 8'(CLASSES);
  always_ff @(posedge clk) begin
    f_blocked <= (!f_block || rst) ? '0 : f_blocked + 8'(m_ready);
    f_late    <= (m_valid || f_swept == f_gone || rst) ? '0 : f_late + 8'd1;
  end

  logic [DATA_W:0] f_out_q;
  logic f_stalled_q;
  always_ff @(posedge clk) begin
    f_out_q     <= {m_last, m_data};
    f_stalled_q <= m_valid && !m_ready && !rst;
  end

  always_ff @(posedge clk) if (f_past && !rst) begin
    if (f_stalled_q) holds: assert (m_valid && {m_last, m_data} == f_out_q);
    if (m_valid) begin
      packet_was_swept: assert (f_gone != f_swept);
      last_is_the_packets: assert (m_last == (f_label && f_ends[f_gone]));
      if (!f_label && f_beat == f_class) score_in_its_place: assert (m_data == DATA_W'(f_due));
      if (f_label) begin
        label_is_a_class: assert (m_data >= 0 && m_data < CLASSES);
        if (m_data == DATA_W'({1'b0, f_other})) begin
          label_is_largest: assert (f_due_other >= f_due);
          lowest_wins: assert (f_class >= f_other || f_due_other > f_due);
        end
      end
    end
    if (valid_q[2] && class_q[2] == f_class)
      state_is_the_last: assert (m_q2 == (f_firsts[2] ? '0 : f_state));
    if (valid_q[9] && class_q[9] == f_class) score_is_of_the_sample: assert (score_q9 == f_score);
    two_places: assert (2'(f_swept - f_gone) <= 2'd2 && taken_q == 2'(f_swept - f_gone));
    packets_in_time: assert (int'(f_late) <= PACKET_TIME);
    room_in_time: assert (int'(f_blocked) <= ROOM_TIME);
  end
  always_ff @(posedge clk) if (f_past && !rst) begin
    two_packets: cover (f_out && m_last && 2'(f_swept - f_gone) == 2'd2);
    second_wins: cover (f_out && m_last && m_data == DATA_W'(CLASSES - 1)
                        && f_class == '0 && f_other == CLASS_W'(CLASSES - 1));
  end
`ifdef INVARIANTS
  (* hierconn *) wire logic \packets.put_q ;
  (* hierconn *) wire logic \packets.get_q ;
  (* hierconn *) wire logic \packets.done_q ;
  (* hierconn *) wire logic \packets.get_label_q ;
  (* hierconn *) wire logic [1:0] \packets.full_q ;
  (* hierconn *) wire logic [1:0] \packets.last_q ;
  (* hierconn *) wire logic [CLASS_W-1:0] \packets.get_class_q ;
  (* hierconn *) wire logic signed [SCORE_W-1:0] \packets.best_q ;
  (* hierconn *) wire logic [CLASS_W-1:0] \packets.f_class ;
  (* hierconn *) wire logic [2*SCORE_W-1:0] \packets.f_kept ;
  (* hierconn *) wire logic [2*CLASS_W-1:0] \packets.f_labels ;
  wire logic put_q = \packets.put_q , get_q = \packets.get_q , done_q = \packets.done_q ;
  wire logic get_label_q = \packets.get_label_q ;
  wire logic [1:0] full_q = \packets.full_q , packet_last_q = \packets.last_q ;
  wire logic [CLASS_W-1:0] get_class_q = \packets.get_class_q ;
  wire logic signed [SCORE_W-1:0] best_q = \packets.best_q ;
  wire logic [SCORE_W-1:0] f_kept [0:1];
  wire logic [CLASS_W-1:0] f_label_of [0:1];
  for (genvar k = 0; k < 2; k++) begin : g_f_place
    assign f_kept[k]     = \packets.f_kept [k*SCORE_W +: SCORE_W];
    assign f_label_of[k] = \packets.f_labels [k*CLASS_W +: CLASS_W];
  end
  always_comb assume (\packets.f_class == f_class);  // its arbitrary class is ours
  logic [7:0] f_leaves;  // class that leaves the pipe next
  logic       f_emitted; // the flag of the class that left last
  logic f_known, f_once, f_born;  // since reset the class has left, been issued; a step been freed
  always_ff @(posedge clk) begin
    if (valid_q[9]) begin
      f_leaves  <= end_q[9] ? '0 : f_leaves + 8'd1;
      f_emitted <= emits_q[9];
    end
    if (valid_q[8] && class_q[8] == f_class) f_known <= 1'b1;
    if (issue && class_now == f_class) f_once <= 1'b1;
    if (step_free) f_born <= 1'b1;
    if (rst) {f_leaves, f_known, f_once, f_born} <= '0;
  end
  // class and packet of a stage, from the last stage to the first
  logic [7:0] f_at [1:PIPE+1];
  logic [1:0] f_no [1:PIPE+1];
  logic [PIPE+1:1] f_em;
  logic [PIPE:1] f_tags, f_mine, f_place, f_before;
  logic [7:0] f_oldest;  // stage of the oldest packet's end
  always_comb begin
    f_at[PIPE+1] = f_leaves;
    f_no[PIPE+1] = f_put;
    f_em[PIPE+1] = f_emitted;
    f_oldest = '0;
    for (int k = PIPE; k >= 1; k--) begin
      f_at[k] = f_at[k+1];
      f_no[k] = f_no[k+1];
      f_em[k] = f_em[k+1];
      f_tags[k] = 1'b1;
      f_mine[k] = valid_q[k] && class_q[k] == f_class;
      if (valid_q[k]) begin
        f_tags[k] = 8'(class_q[k]) == f_at[k+1] && end_q[k] == (f_at[k+1] == 8'(CLASSES - 1))
                    && emits_q[k] == (last_q[k] || SCORE == 3)
                    && (f_at[k+1] == '0 || emits_q[k] == f_em[k+1])
                    && (!emits_q[k] || 2'(f_no[k+1] - f_gone) <= 2'd1)
                    && (!(emits_q[k] && end_q[k]) || f_ends[f_no[k+1]] == last_q[k])
                    && (k > 8 || first_q[(k > 8) ? 8 : k] == f_firsts[k]);
        f_at[k] = end_q[k] ? '0 : f_at[k+1] + 8'd1;
        f_no[k] = f_no[k+1] + 2'(end_q[k] && emits_q[k]);
        f_em[k] = emits_q[k];
        if (end_q[k] && emits_q[k] && f_oldest == '0) f_oldest = 8'(k);
      end
      f_place[k]  = !f_mine[k] || 8'(k) == f_age || (k == PIPE && f_age == 8'd1);
      f_before[k] = !f_mine[k] || f_firsts[k] || f_known;
    end
  end
  // packets in memory: two that wait, and the one that is filled
  wire logic [1:0] f_inside = f_put - f_gone;
  logic [1:0] f_full, f_labels;
  always_comb for (int j = 0; j < 2; j++) begin
    f_full[j] = int'(f_inside) <= j
        || f_kept[f_gone[0] ^ j[0]] == f_scores[2'(f_gone + 2'(j))];
    f_labels[j] = int'(f_inside) <= j
        || (packet_last_q[f_gone[0] ^ j[0]] == f_ends[2'(f_gone + 2'(j))]
            && int'(f_label_of[f_gone[0] ^ j[0]]) < CLASSES
            && (f_label_of[f_gone[0] ^ j[0]] != f_other
                || ($signed(f_others[2'(f_gone + 2'(j))]) >= $signed(f_scores[2'(f_gone + 2'(j))])
                    && (f_class >= f_other || f_others[2'(f_gone + 2'(j))]
                        != f_scores[2'(f_gone + 2'(j))]))));
  end
  wire logic f_filling = f_leaves != '0 && f_emitted;
  wire logic signed [SCORE_W-1:0] f_put_score   = f_scores[f_put];
  wire logic signed [SCORE_W-1:0] f_gathered, f_old;
  generate
    if (SCORE == 0 || SCORE == 2) begin : g_f_gather
      assign f_gathered = g_gather.scores[f_class];
      assign f_old = g_gather.old_q8;
    end else begin : g_f_now
      assign f_gathered = f_score;
      assign f_old = f_score;
    end
  endgenerate
  wire logic [1:0] f_ready = 2'(full_q[0]) + 2'(full_q[1]);
  wire logic [CLASS_W-1:0] f_best_class = f_label_of[f_put[0]];
  wire logic [7:0] f_to_go = (full_q != '0) ? 8'(CLASSES + 1) - 8'(f_beat)
      : done_q ? 8'(CLASSES + 2) : 8'(CLASSES + 2 + PIPE + 1) - f_oldest;
  always_ff @(posedge clk) if (f_past && !rst) begin
    tags: assert (&f_tags);
    places: assert (&f_place);
    before: assert (&f_before);
    issuing: assert (f_at[1] == ((f_run && f_next < 8'(CLASSES)) ? f_next : '0)
                     && f_leaves < 8'(CLASSES) && f_age != '0 && f_next <= 8'(CLASSES));
    midway: assert (!f_run || f_next == '0 || f_next == 8'(CLASSES)
                    || (f_em[1] == emits && (!emits || taken_q != 2'd2)));
    swept: assert (f_no[1] == f_swept);
    counts: assert (f_inside == f_ready + 2'(done_q) && f_inside <= 2'(f_swept - f_gone)
                    && full_q[f_gone[0]] == (f_ready != '0)
                    && full_q[!f_gone[0]] == (f_ready == 2'd2));
    once: assert (f_once == (f_known || f_mine[8:1] != '0));
    born: assert (f_born ? f_once : (f_run ? f_first : f_fresh));
    once_swept: assert (f_once || !(f_run && f_next > 8'(f_class)));
    written: assert (!f_known || states[f_class] == f_state);
    gathered: assert (!f_known || f_mine[9] || f_gathered == f_score);
    gather_read: assert (!f_mine[8] || !f_known || f_old == f_score);
    score_now: assert (!f_mine[9] || (f_known && score_q9 == f_score));
    turns: assert (put_q == f_put[0] && get_q == f_gone[0] && int'(f_beat) <= CLASSES
                   && get_label_q == f_label && (f_label || int'(get_class_q) == int'(f_beat)));
    no_beat: assert (full_q != '0 || f_beat == '0);
    full: assert (&f_full);
    labels: assert (&f_labels);
    filling: assert (!f_filling || (8'(f_best_class) < f_leaves
        && (8'(f_class) >= f_leaves
            || (f_kept[f_put[0]] == f_scores[f_put] && best_q >= f_put_score
                && (f_class >= f_best_class || best_q > f_put_score)))
        && (f_best_class != f_other || f_others[f_put] == best_q)));
    late: assert (m_valid || f_swept == f_gone
                  || int'(f_late) <= (done_q ? PIPE : int'(f_oldest) - 1));
    blocked: assert (!f_block || (f_next == '0
                     && int'(f_blocked) + int'(f_to_go) <= PACKET_TIME + CLASSES + 1));
  end
`endif
