  // Properties of rfssm_synapse, for every table of weights.  Assumed: addresses are below N_IN;
  // the reader starts a step that was announced in an earlier cycle, as soon as it has freed the
  // one before (proved of rfssm_sweep); a word of the ROM comes two cycles after its address.
  // Reference: one neuron, any; its weights; the exact sums of the last steps by number.
  //
  //   while fewer than two complete steps wait before it, an event is used up within WORDS cycles,
  //   and a step is announced within WORDS + ANNOUNCE cycles of its last event

  // -- the parts' registers, by their own names --
  localparam int NUMBERS  = LANES * PARTS;
  localparam int MULTIPLY = (VALUE_W > 1 || VALUE_SIGNED != 0) ? 1 : 0;
  localparam int LATE     = (WORDS > 1) ? 1 : 0;
  localparam int STAGES   = 2 + LATE + MULTIPLY;
  localparam int ANNOUNCE = 1 + MULTIPLY;
  localparam int TAG_W    = 5 + WORD_W;
  (* hierconn *) wire logic [1:0] \issuer.closed_q ;
  (* hierconn *) wire logic [ROM_AW-1:0] \accumulator.read_addr ;
  (* hierconn *) wire logic [NUMBERS*WEIGHT_W-1:0] \accumulator.weight ;
  wire logic [1:0] closed_q = \issuer.closed_q ;
  wire logic [ROM_AW-1:0] read_addr = \accumulator.read_addr ;
  wire logic [NUMBERS*WEIGHT_W-1:0] weight = \accumulator.weight ;

  // -- environment --
  logic f_past = 1'b0;
  always_ff @(posedge clk) f_past <= 1'b1;
  always_comb if (!f_past) assume (rst);
  always_comb assume (int'(s_addr) < N_IN);
  wire logic f_load = s_valid && s_ready;
  wire logic f_end  = s_step_end || s_last;

  // steps, counted modulo 4: taken in, announced, started, freed
  logic [1:0] f_loaded, f_announced, f_started, f_freed;
  wire logic  f_waits   = (f_announced != f_started);
  wire logic  f_reading = (f_started != f_freed);
  always_comb assume (step_start == (f_waits && (!f_reading || step_free)));
  always_comb assume (!step_free || f_reading);
  always_ff @(posedge clk) begin
    f_loaded    <= f_loaded + 2'(f_load && f_end);
    f_announced <= f_announced + 2'(step_valid);
    f_started   <= f_started + 2'(step_start);
    f_freed     <= f_freed + 2'(step_free);
    if (rst) {f_loaded, f_announced, f_started, f_freed} <= '0;
  end

  // -- reference: an arbitrary neuron and part, and its weights --
  localparam int F_PLACES = WORDS * LANES * PARTS;
  localparam int F_PLACE_W = (F_PLACES > 1) ? $clog2(F_PLACES) : 1;
  (* anyconst *) logic [F_PLACE_W-1:0] f_place;  // (neuron * PARTS + part)
  (* anyconst *) logic [N_IN*WEIGHT_W-1:0] f_weights;
  always_comb assume (int'(f_place) < N_OUT * PARTS);
  wire logic [WORD_W-1:0] f_word = WORD_W'(int'(f_place) / (LANES * PARTS));
  wire logic [READ_W-1:0] f_read = READ_W'(int'(f_place) / (READ_LANES * PARTS));
  logic [ROM_AW-1:0] f_rom_q, f_rom_q2;
  always_ff @(posedge clk) begin
    f_rom_q  <= read_addr;
    f_rom_q2 <= f_rom_q;
  end
  wire logic [WEIGHT_W-1:0] f_weight_seen =
      weight[(int'(f_place) % (LANES*PARTS))*WEIGHT_W +: WEIGHT_W];
  for (genvar i = 0; i < N_IN; i++) begin : g_f_rom
    always_comb if (int'(f_rom_q2) == i * WORDS + int'(f_word))
      assume (f_weight_seen == f_weights[i*WEIGHT_W +: WEIGHT_W]);
  end

  function automatic [CURRENT_W-1:0] f_part(input [ADDR_W-1:0] at, input [VALUE_W-1:0] value);
    f_part = CURRENT_W'($signed(f_weights[at*WEIGHT_W +: WEIGHT_W]))
           * CURRENT_W'($signed({VALUE_SIGNED != 0 && value[VALUE_W-1], value}));
  endfunction

  // -- reference: sums, from the ports --
  logic                 f_begun, f_any;   // the step has an event, one other than 0
  logic [CURRENT_W-1:0] f_sum;
  logic [CURRENT_W-1:0] f_sums [0:3];     // of complete steps, by number
  logic [3:0]           f_silents, f_lasts;
  wire logic [CURRENT_W-1:0] f_sum_next = (f_begun ? f_sum : '0) + f_part(s_addr, s_value);
  wire logic                 f_any_next = (f_begun && f_any) || s_value != '0;
  always_ff @(posedge clk) begin
    if (f_load) begin
      f_begun <= !f_end;
      f_any   <= f_any_next;
      f_sum   <= f_sum_next;
      if (f_end) begin
        f_sums[f_loaded]    <= f_sum_next;
        f_silents[f_loaded] <= !f_any_next;
        f_lasts[f_loaded]   <= s_last;
      end
    end
    if (rst) f_begun <= 1'b0;
  end

  // -- reference: the event in use, and steps closed --
  logic [1:0] f_done;
  logic       f_unused;  // the event taken in last has a value that has not been used
  logic [ADDR_W-1:0]  f_event_addr;
  logic [VALUE_W-1:0] f_event_value;
  always_ff @(posedge clk) begin
    f_done <= f_done + 2'(event_close);
    if (event_valid) f_unused <= 1'b0;
    if (f_load) begin
      f_unused <= (s_value != '0);
      {f_event_addr, f_event_value} <= {s_addr, s_value};
    end
    if (rst) {f_done, f_unused} <= '0;
  end

  // -- reference: reads of the neuron's current, and what must come four cycles later --
  wire logic [1:0] f_now = f_started - 1'b1;
  logic [4:1]           f_hit;
  logic [CURRENT_W-1:0] f_due [1:4];
  always_ff @(posedge clk) begin
    f_hit <= {f_hit[3:1], f_reading && read_index == f_read && !f_silents[f_now]};
    f_due[1] <= f_sums[f_now];
    for (int k = 2; k <= 4; k++) f_due[k] <= f_due[k-1];
    if (rst) f_hit <= '0;
  end
  wire logic [CURRENT_W-1:0] f_current =
      current[(int'(f_place) % (READ_LANES*PARTS))*CURRENT_W +: CURRENT_W];

  // -- reference: waiting.  Two complete steps that are not freed hold up the event behind them --
  wire logic [1:0] f_behind = f_loaded - f_freed - 2'(!f_begun);  // steps before the held event's
  wire logic       f_held   = !s_ready && f_behind == 2'd2;
  logic [7:0] f_wait, f_late;
  always_ff @(posedge clk) begin
    f_wait <= (s_ready || f_held || rst) ? '0 : f_wait + 1'b1;
    f_late <= (step_valid || f_loaded == f_announced || rst) ? '0 : f_late + 8'(!f_held);
  end

  always_ff @(posedge clk) if (f_past && !rst) begin
    announced_was_taken_in: assert (!step_valid || f_announced != f_loaded);
    flags_are_the_steps: assert (!step_valid
        || (step_silent == f_silents[f_announced] && step_last == f_lasts[f_announced]));
    two_buffers: assert (closed_q <= 2'd2 && 2'(f_announced - f_freed) <= 2'd2
                         && (!step_valid || 2'(f_announced - f_freed) < 2'd2));
    current_is_the_sum: assert (!f_hit[4] || f_current == f_due[4]);
    // what rfssm_skip relies on
    buffer_for_events: assert (!(event_valid || event_close) || 2'(f_done - f_freed) < 2'd2);
    closed_first: assert (!step_valid || f_announced != f_done);
    events_once: assert ((!event_valid || (f_unused && {event_addr, event_value}
                                           == {f_event_addr, f_event_value}))
                         && (!f_load || !f_unused || event_valid));
    accepts_in_time: assert (int'(f_wait) <= WORDS - 1);
    announces_in_time: assert (int'(f_late) <= WORDS + ANNOUNCE - 1);
  end
  always_ff @(posedge clk) if (f_past && !rst) begin
    both_full: cover (f_hit[4] && f_due[4] == '1 && f_behind == 2'd2 && !s_ready);
    a_silent_one: cover (step_valid && step_silent && step_last && f_reading);
  end
`ifdef INVARIANTS
  (* hierconn *) wire logic \issuer.ev_q ;
  (* hierconn *) wire logic \issuer.zero_q ;
  (* hierconn *) wire logic \issuer.end_q ;
  (* hierconn *) wire logic \issuer.last_q ;
  (* hierconn *) wire logic \issuer.first_q ;
  (* hierconn *) wire logic [WORD_W-1:0] \issuer.word_q ;
  (* hierconn *) wire logic [ADDR_W-1:0] \issuer.addr_q ;
  (* hierconn *) wire logic [ROM_AW-1:0] \issuer.rom_addr_q ;
  (* hierconn *) wire logic [VALUE_W-1:0] \issuer.value_q ;
  wire logic ev_q = \issuer.ev_q , zero_q = \issuer.zero_q , end_q = \issuer.end_q ;
  wire logic last_q = \issuer.last_q , first_q = \issuer.first_q ;
  wire logic [WORD_W-1:0]  word_q = \issuer.word_q ;
  wire logic [ADDR_W-1:0]  addr_q = \issuer.addr_q ;
  wire logic [ROM_AW-1:0]  rom_addr_q = \issuer.rom_addr_q ;
  wire logic [VALUE_W-1:0] value_q = \issuer.value_q ;
  localparam int FULL_W = WEIGHT_W + ((MULTIPLY != 0) ? VALUE_W : 0);
  localparam int PROD_W = (FULL_W < CURRENT_W) ? FULL_W : CURRENT_W;
  (* hierconn *) wire logic [NUMBERS*PROD_W-1:0] \accumulator.product ;
  (* hierconn *) wire logic [STAGES*TAG_W-1:0] \accumulator.f_tags ;
  (* hierconn *) wire logic [(2+LATE)*VALUE_W-1:0] \accumulator.f_values ;
  wire logic [TAG_W-1:0] f_tag [1:STAGES];
  for (genvar k = 1; k <= STAGES; k++) begin : g_f_tag
    assign f_tag[k] = \accumulator.f_tags [(k-1)*TAG_W +: TAG_W];
  end
  (* hierconn *) wire logic [WORD_W-1:0] \reader.f_word ;
  (* hierconn *) wire logic [CUR_W-1:0] \reader.f_row0 ;
  (* hierconn *) wire logic [CUR_W-1:0] \reader.f_row1 ;
  always_comb assume (\reader.f_word == f_word);  // its arbitrary word is ours
  // of the reader one half is missing: the banks, or the registers of a row of one word
  localparam int GROUPS  = LANES / READ_LANES;
  localparam int GROUP_W = (GROUPS > 1) ? $clog2(GROUPS) : 1;
  (* hierconn *) wire logic \reader.g_memory.fill_q ;
  (* hierconn *) wire logic \reader.g_memory.read_q ;
  (* hierconn *) wire logic \reader.g_memory.read_q2 ;
  (* hierconn *) wire logic \reader.g_memory.read_q3 ;
  (* hierconn *) wire logic \reader.g_memory.read_q4 ;
  (* hierconn *) wire logic \reader.g_memory.reading_q ;
  (* hierconn *) wire logic \reader.g_memory.reading_q2 ;
  (* hierconn *) wire logic [WORD_W-1:0] \reader.g_memory.addr0_q ;
  (* hierconn *) wire logic [WORD_W-1:0] \reader.g_memory.addr1_q ;
  (* hierconn *) wire logic [WORD_W-1:0] \reader.g_memory.read_word_q ;
  (* hierconn *) wire logic [CUR_W-1:0] \reader.g_memory.row ;
  (* hierconn *) wire logic [GROUP_W-1:0] \reader.g_memory.g_pick.pick_q ;
  (* hierconn *) wire logic [GROUP_W-1:0] \reader.g_memory.g_pick.pick_q2 ;
  (* hierconn *) wire logic [GROUP_W-1:0] \reader.g_memory.g_pick.pick_q3 ;
  (* hierconn *) wire logic \reader.g_register.start_q ;
  (* hierconn *) wire logic [CUR_W-1:0] \reader.g_register.acc_q ;
  (* hierconn *) wire logic [CUR_W-1:0] \reader.g_register.hold_q ;
  wire logic fill_q = \reader.g_memory.fill_q , read_q = \reader.g_memory.read_q , read_q2 = \reader.g_memory.read_q2 ;
  wire logic read_q3 = \reader.g_memory.read_q3 , read_q4 = \reader.g_memory.read_q4 ;
  wire logic reading_q = \reader.g_memory.reading_q , reading_q2 = \reader.g_memory.reading_q2 ;
  wire logic [WORD_W-1:0] addr0_q = \reader.g_memory.addr0_q , addr1_q = \reader.g_memory.addr1_q ;
  wire logic [WORD_W-1:0] read_word_q = \reader.g_memory.read_word_q ;
  wire logic [CUR_W-1:0]  row = \reader.g_memory.row ;
  wire logic start_q = \reader.g_register.start_q ;
  wire logic [CUR_W-1:0] acc_q = \reader.g_register.acc_q , hold_q = \reader.g_register.hold_q ;
  // steps, wherever they are
  wire logic [1:0] f_held_end = 2'(ev_q && end_q);
  logic [1:0] f_closing, f_exited;
  always_comb begin
    f_closing = '0;
    for (int k = 1; k <= ANNOUNCE; k++) f_closing = f_closing + 2'(f_tag[k][TAG_W-1]);
  end
  always_ff @(posedge clk) begin
    f_exited <= f_exited + 2'(f_tag[STAGES][TAG_W-1]);
    if (rst) f_exited <= '0;
  end
  // sums on their way
  logic [CURRENT_W-1:0] f_totals [1:STAGES];
  logic [ADDR_W-1:0]    f_addrs  [1:STAGES];
  logic [VALUE_W-1:0]   f_values [1:STAGES];
  logic f_fresh;  // no word of the filled step has been written
  always_ff @(posedge clk) begin
    f_totals[1] <= f_sum;
    f_addrs[1]  <= addr_q;
    f_values[1] <= value_q;
    for (int k = 2; k <= STAGES; k++) begin
      f_totals[k] <= f_totals[k-1];
      f_addrs[k]  <= f_addrs[k-1];
      f_values[k] <= f_values[k-1];
    end
    if (write && write_word == f_word) f_fresh <= 1'b0;
    if (f_tag[STAGES][TAG_W-1]) f_fresh <= 1'b1;
    if (rst) f_fresh <= 1'b1;
  end
  wire logic [31:0] f_at = (int'(f_place) % (LANES*PARTS)) * CURRENT_W;
  wire logic signed [PROD_W-1:0] f_product_word =
      \accumulator.product [(int'(f_place) % (LANES*PARTS))*PROD_W +: PROD_W];
  wire logic [CURRENT_W-1:0] f_product = CURRENT_W'(f_product_word);
  wire logic [CURRENT_W-1:0] f_stored, f_stored0, f_stored1;
  generate
    if (WORDS == 1) begin : g_f_stored
      assign f_stored = acc_q[f_at +: CURRENT_W];
      assign f_stored0 = '0;
      assign f_stored1 = '0;
    end else begin : g_f_stored
      assign f_stored0 = \reader.f_row0 [f_at +: CURRENT_W];
      assign f_stored1 = \reader.f_row1 [f_at +: CURRENT_W];
      assign f_stored = fill_q ? f_stored1 : f_stored0;
    end
  endgenerate

  logic [CURRENT_W-1:0] f_b [1:STAGES+1];  // the sum before the word of a stage
  logic [STAGES+1:1]    f_none;            // there is none: the step has no word yet
  logic [1:0]           f_step [1:STAGES+1];
  always_comb begin
    f_b[STAGES+1] = f_stored;
    f_none[STAGES+1] = f_fresh;
    f_step[STAGES+1] = f_exited;
  end
  logic [1:0] f_hit_no [1:3];  // number of the step that a hit reads
  logic [3:1] f_reads;
  logic [1:0] f_age;  // cycles since reset
  always_ff @(posedge clk) f_age <= rst ? '0 : f_age + 2'(f_age != 2'd3);
  always_ff @(posedge clk) begin
    f_reads <= rst ? '0 : {f_reads[2:1], f_reading};
    f_hit_no[1] <= f_now;
    f_hit_no[2] <= f_hit_no[1];
    f_hit_no[3] <= f_hit_no[2];
  end
  wire logic [STAGES:1] f_stage_order, f_stage_owner, f_stage_rom;
  wire logic [2:0] f_closes [0:STAGES];  // steps closed, in the stages up to this one
  assign f_closes[0] = '0;
  wire logic [STAGES:0] f_adds;  // the held event as stage 0
  wire logic [STAGES:0] [WORD_W-1:0] f_words;
  assign f_adds[0]  = ev_q && !zero_q;
  assign f_words[0] = word_q;
  wire logic [STAGES:1] f_stage_adds;
  wire logic [STAGES:1] f_stage_first;
  wire logic [STAGES:1] f_stage_word;
  wire logic [STAGES:1] f_stage_close;
  wire logic [STAGES:1] f_stage_flags;
  for (genvar k = 1; k <= STAGES; k++) begin : g_f_stage
    wire logic f_close = f_tag[k][TAG_W-1];
    wire logic f_silent = f_tag[k][TAG_W-2];
    wire logic f_last = f_tag[k][TAG_W-3];
    wire logic f_add   = f_tag[k][WORD_W+1];
    wire logic f_first = f_tag[k][WORD_W];
    wire logic [WORD_W-1:0] f_w = f_tag[k][WORD_W-1:0];
    assign f_adds[k] = f_add;
    assign f_words[k] = f_w;
    assign f_stage_order[k] = !f_add
        || (f_adds[k-1] ? f_words[k-1] == ((int'(f_w) == WORDS - 1) ? '0 : f_w + 1'b1)
                                                     : k != 1 || int'(f_w) == WORDS - 1);
    // a word is written to a buffer that is free, and free long enough
    assign f_stage_owner[k] = !f_add || (2'(f_step[k+1] - f_freed) <= 2'd1
        && !(f_reads[1] && (f_step[k+1] == f_hit_no[1] || f_step[k+1] == f_hit_no[1] + 2'd2))
        && !(f_reads[2] && (f_step[k+1] == f_hit_no[2] || k >= 2
        && f_step[k+1] == f_hit_no[2] + 2'd2))
        && !(f_reads[3] && (f_step[k+1] == f_hit_no[3] || k >= 3
        && f_step[k+1] == f_hit_no[3] + 2'd2)));
    assign f_closes[k] = f_closes[k-1] + 3'(f_close);
    // the ROM's address, the factor and the product are those of the stage's word
    wire logic [ROM_AW-1:0] f_row = ROM_AW'(int'(f_addrs[k]) * WORDS + int'(f_w));
    wire logic f_rom_ok, f_value_ok;
    if (k == LATE) begin : g_rom_now
      assign f_rom_ok = read_addr == f_row;
    end else if (k == LATE + 1) begin : g_rom_one
      assign f_rom_ok = f_rom_q == f_row;
    end else if (k == LATE + 2) begin : g_rom_two
      assign f_rom_ok = f_rom_q2 == f_row;
    end else begin : g_product
      assign f_rom_ok = f_w != f_word || f_product == f_part(f_addrs[k], f_values[k]);
    end
    if (MULTIPLY != 0 && k <= LATE + 2) begin : g_value
      assign f_value_ok = \accumulator.f_values [(k-1)*VALUE_W +: VALUE_W] == f_values[k];
    end else begin : g_no_value
      assign f_value_ok = 1'b1;
    end
    assign f_stage_rom[k] = !f_add || (f_rom_ok && f_value_ok);
    wire logic f_mine = f_add && f_w == f_word;
    // after this stage
    always_comb begin
      f_b[k]    = f_mine ? f_totals[k] : f_b[k+1];
      f_none[k] = f_close || (f_none[k+1] && !f_mine);
      f_step[k] = f_step[k+1] + 2'(f_close);
    end
    assign f_stage_adds[k] = !f_mine
        || f_totals[k] == (f_first ? '0 : f_b[k+1]) + f_part(f_addrs[k], f_values[k]);
    assign f_stage_first[k] = !f_mine || f_first || !f_none[k+1];
    assign f_stage_word[k] = !f_add || (int'(f_w) < WORDS && int'(f_addrs[k]) < N_IN
        && f_values[k] != '0);
    assign f_stage_close[k] = !f_close || (f_silent || (f_b[k] == f_totals[k]
        && f_totals[k] == f_sums[f_step[k+1]]));
    assign f_stage_flags[k] = !f_close || (f_silent == f_silents[f_step[k+1]]
        && f_last == f_lasts[f_step[k+1]]
                           && (f_silent || !(f_none[k+1] && !f_mine)));
  end
  always_ff @(posedge clk) if (f_past && !rst) begin
    starts_at_once: assert (!f_waits || f_reading || f_tag[ANNOUNCE+1][TAG_W-1]);
    stage_owner: assert (&f_stage_owner);
    stage_rom: assert (&f_stage_rom);
    in_flight: assert (closed_q >= 2'(f_closes[STAGES]) && f_closes[STAGES] <= 3'd2
                       && (!f_tag[ANNOUNCE+1][TAG_W-1] || f_waits));
    stage_order: assert (&f_stage_order);
    stage_adds: assert (&f_stage_adds);
    stage_first: assert (&f_stage_first);
    stage_word: assert (&f_stage_word);
    stage_close: assert (&f_stage_close);
    stage_flags: assert (&f_stage_flags);
    steps_in: assert (f_loaded == f_announced + f_closing + f_held_end);
    done_steps: assert (f_done == f_loaded - f_held_end);
    unused: assert (ev_q ? f_unused == (!zero_q && word_q == '0)
                           && {f_event_addr, f_event_value} == {addr_q, value_q} : !f_unused);
    steps_closed: assert (2'(closed_q) == f_loaded - f_held_end - f_freed);
    steps_started: assert (2'(f_announced - f_started) <= 2'd2
        && 2'(f_started - f_freed) <= 2'd1 && 2'(f_announced - f_freed) <= 2'd2);
    steps_exited: assert (f_step[1] == f_loaded - f_held_end);
    held_event: assert (!ev_q || (zero_q == (value_q == '0) && int'(addr_q) < N_IN
        && int'(word_q) < WORDS
                        && (zero_q ? word_q == '0
                        : int'(rom_addr_q) == int'(addr_q) * WORDS + int'(word_q))));
    held_begun: assert (ev_q ? f_begun == !end_q : 1'b1);
    held_any: assert (ev_q ? f_any == (!first_q
        || !zero_q) : f_begun ? f_any == !first_q : first_q);
    held_end: assert (!(ev_q && end_q) || (f_sums[2'(f_loaded - 2'd1)] == f_sum
        && f_lasts[2'(f_loaded - 2'd1)] == last_q
                      && f_silents[2'(f_loaded - 2'd1)] == !f_any));
    sum_idle: assert (ev_q || !f_begun || f_sum == (first_q ? '0 : f_b[1]));
    sum_held: assert (!ev_q || zero_q || word_q > f_word
        || f_sum == (first_q ? '0 : f_b[1]) + f_part(addr_q, value_q));
    sum_issued: assert (!ev_q || zero_q || word_q <= f_word || (f_sum == f_b[1] && !f_none[1]));
    sum_zero: assert (!ev_q || !zero_q || f_sum == (first_q ? '0 : f_b[1]));
    not_first: assert (first_q || !f_none[1]);
    waiting: assert (s_ready || int'(f_wait) <= int'(word_q));
    announcing: assert (int'(f_late) <= ((f_closing != '0)
        ? WORDS + ANNOUNCE - 1 : f_held_end[0] ? int'(word_q) : 0)
                        && (ANNOUNCE == 1 || f_closing == '0 || f_tag[ANNOUNCE][TAG_W-1]
                        || int'(f_late) <= WORDS));
  end
  // complete steps in their buffers
  generate
    if (WORDS > 1) begin : g_f_banks
      wire logic [1:0] f_bank_full;
      wire logic f_fill = fill_q;
      wire logic [GROUP_W-1:0] f_pick [1:3];
      if (GROUPS > 1) begin : g_f_pick
        assign f_pick[1] = \reader.g_memory.g_pick.pick_q ;
        assign f_pick[2] = \reader.g_memory.g_pick.pick_q2 ;
        assign f_pick[3] = \reader.g_memory.g_pick.pick_q3 ;
      end
      wire logic [3:1] f_busy;  // stages with a word or the end of a step
      for (genvar k = 1; k <= 3; k++) begin : g_f_busy
        assign f_busy[k] = f_tag[k][TAG_W-1] || f_tag[k][WORD_W+1];
      end
      logic [1:0] f_lent;  // a bank's port has the reader's address
      always_ff @(posedge clk) begin
        f_lent <= {reading_q2 && read_q2, reading_q2
            && !read_q2};
      end
      for (genvar j = 0; j < 2; j++) begin : g_f_bank
        wire logic [1:0] f_no = f_freed + 2'(j);
        wire logic f_full = 2'(f_exited - f_freed) > 2'(j);
        assign f_bank_full[j] = (!f_full || f_silents[f_no]
            || f_sums[f_no] == (f_no[0] ? f_stored1 : f_stored0));
      end
      always_ff @(posedge clk) if (f_past && !rst) begin
        bank_full: assert (&f_bank_full);
        exits: assert (2'(f_exited - f_freed) <= 2'd2);
never_lent_and_used: assert (!(f_tag[STAGES][WORD_W+1] && f_lent[f_fill])
                                     && !(f_tag[STAGES-1][WORD_W+1]
                                     && f_lent[f_fill ^ f_tag[STAGES][TAG_W-1]]));
        lent: assert ((f_age == '0 || (reading_q2 == f_reads[1] && (!f_reads[1]
            || read_q2 == f_hit_no[1][0])))
                      && (f_age <= 2'd1 || f_lent == {f_reads[2] && f_hit_no[2][0], f_reads[2]
                      && !f_hit_no[2][0]}));
        young: assert ((f_age != '0 || !(ev_q || f_reading || f_waits))
                       && (f_age > 2'd1 || !(|f_reads || f_reading || f_waits || f_busy[1]))
                       && (f_age > 2'd2 || !f_busy[2]) && (f_age == 2'd3 || !f_busy[3]));
        reads: assert ((!f_reads[1]
            || (f_hit_no[1] == f_freed ? f_reading : f_hit_no[1] == f_freed - 2'd1))
                       && (!f_reads[2] || (f_hit_no[2] == f_freed
                       ? f_reading : f_hit_no[2] != f_freed + 2'd1))
                       && (!(f_reads[1] && f_reads[2]) || 2'(f_hit_no[1] - f_hit_no[2]) <= 2'd1)
                       && (!(f_reads[2] && f_reads[3]) || 2'(f_hit_no[2] - f_hit_no[3]) <= 2'd1));
        hits: assert ((f_hit[3:1] & ~f_reads) == '0);
        hit_first: assert (!f_hit[1] || (f_due[1] == (f_hit_no[1][0] ? f_stored1 : f_stored0)
            && read_word_q == f_word && read_q2 == f_hit_no[1][0]
            && reading_q2));
        hit_second: assert (!f_hit[2]
            || ((f_hit_no[2][0] ? addr1_q : addr0_q) == f_word
            && f_lent[f_hit_no[2][0]]
                            && read_q3 == f_hit_no[2][0]
                            && f_due[2] == (f_hit_no[2][0] ? f_stored1 : f_stored0)));
        hit_third: assert (!f_hit[3] || (read_q4 == f_hit_no[3][0]
            && row[f_at +: CURRENT_W] == f_due[3]));
        picks: assert (GROUPS == 1 || (
            (!f_hit[1] || f_pick[1] == GROUP_W'(f_read)) && (!f_hit[2]
                || f_pick[2] == GROUP_W'(f_read))
            && (!f_hit[3] || f_pick[3] == GROUP_W'(f_read))));
        old_ahead: assert (!f_tag[STAGES-1][WORD_W+1] || f_tag[STAGES-1][WORD_W]
            || ((f_fill ^ f_tag[STAGES][TAG_W-1])
            ? addr1_q : addr0_q) == f_tag[STAGES-1][WORD_W-1:0]);
        old_now: assert (!(write && !f_tag[STAGES][WORD_W] && write_word == f_word)
            || old[f_at +: CURRENT_W] == f_stored);
        turns: assert (fill_q == f_exited[0] && read_q == !f_started[0]
                       && reading_q == f_reading);
      end
    end else begin : g_f_copy
      wire logic [CURRENT_W-1:0] f_hold = hold_q[f_at +: CURRENT_W];
      always_ff @(posedge clk) if (f_past && !rst) begin
        acc_waits: assert (f_exited == f_started || (f_reading && f_exited == f_started + 2'd1
                           && (f_silents[f_started] || f_stored == f_sums[f_started])));
        acc_start: assert (f_age == '0 || !start_q || (f_reading && f_exited == f_started
                           && (f_silents[f_now] || f_stored == f_sums[f_now])));
        hold_reads: assert (!f_reading || start_q || f_silents[f_now]
            || f_hold == f_sums[f_now]);
        hold_hit: assert (!f_hit[1] || f_hold == f_due[1]);
      end
    end
  endgenerate
`endif
