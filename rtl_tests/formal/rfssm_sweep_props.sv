  // Properties of rfssm_sweep.  Assumed: up to two complete steps wait (rfssm_synapse is proved to
  // announce none while two wait or are swept).  Reference: a queue of two steps, a chunk counter.

  // -- environment --
  logic f_past = 1'b0;
  always_ff @(posedge clk) f_past <= 1'b1;
  always_comb assume (f_past || rst);
  logic [1:0] f_open;  // steps announced, not yet freed
  logic [1:0] f_count; // steps waiting
  always_ff @(posedge clk) begin
    f_open <= f_open + 2'(step_valid) - 2'(step_free);
    if (rst) f_open <= '0;
  end
`ifdef TOP_rfssm_sweep
  always_comb if (step_valid) assume (f_count < 2'd2 || step_start);
`else
  always_ff @(posedge clk) if (f_past && !rst && step_valid)
    no_third_waits: assert (f_count < 2'd2 || step_start);
`endif

  // -- reference --
  logic [1:0] f_queue0, f_queue1;         // {silent, last}, the older one in 0
  logic       f_run, f_silent, f_last, f_first, f_fresh;
  logic [7:0] f_next;                     // chunk that the sweep must issue next
  always_ff @(posedge clk) begin
    f_count <= f_count + 2'(step_valid) - 2'(step_start);
    if (step_start) f_queue0 <= f_queue1;
    if (step_valid) begin
      if (f_count == 2'(step_start)) f_queue0 <= {step_silent, step_last};
      else                           f_queue1 <= {step_silent, step_last};
    end
    if (step_free) f_run <= 1'b0;
    if (issue)     f_next <= f_next + 1'b1;
    if (step_start) begin
      f_run             <= 1'b1;
      f_next            <= '0;
      {f_silent, f_last} <= f_queue0;
      f_first           <= f_fresh;
      f_fresh           <= f_queue0[0];
    end
    if (rst) begin
      f_count <= '0;
      f_run   <= 1'b0;
      f_fresh <= 1'b1;
    end
  end

  // an arbitrary chunk: cycles since it was last issued
  (* anyconst *) logic [CHUNK_W-1:0] f_chunk;
  always_comb assume (int'(f_chunk) < CHUNKS);
  logic [7:0] f_age;
  always_ff @(posedge clk) begin
    if (f_age != '1) f_age <= f_age + 1'b1;
    if (issue && chunk == f_chunk) f_age <= 8'd1;
    if (rst) f_age <= '1;
  end

  // cycles with room in which steps waited, since one was last freed
  logic [7:0] f_idle;
  always_ff @(posedge clk) begin
    if (room) f_idle <= f_idle + 1'b1;
    if (step_free || f_open == '0 || rst) f_idle <= '0;
  end

  always_ff @(posedge clk) if (f_past && !rst) begin
    // no step is lost, made up or swept twice
    starts_at_once: assert (step_start == (f_count != '0 && (!f_run || step_free)));
    frees_what_runs: assert (!step_free || f_run);
    // a step keeps its flags, `first` follows `last`
    flags_are_the_steps: assert (!f_run || {silent, last, first} == {f_silent, f_last, f_first});
    // every chunk once, in order, while there is room; the last one is marked; then the step is
    // freed
    chunks_in_order: assert (!issue || (f_run && room && 8'(chunk) == f_next
        && int'(f_next) < CHUNKS));
    end_is_marked: assert (!issue || end_chunk == (int'(f_next) == CHUNKS - 1));
    every_chunk_once: assert (!step_free || int'(f_next) + int'(issue) == CHUNKS);
    // no chunk comes again before its last state has been written
    written_before_read: assert (!(issue && chunk == f_chunk) || int'(f_age) >= LOOP);
    // no deadlock: while there is room a step is freed every SWEEP cycles, one more to start
    frees_in_time: assert (int'(f_idle) <= SWEEP);
`ifdef INVARIANTS
    waiting: assert (f_count <= 2'd2 && wait_q == {f_count == 2'd2, f_count != '0});
    open: assert (f_open == f_count + 2'(f_run));
    queue: assert ((!wait_q[0] || {wait_silent_q[0], wait_last_q[0]} == f_queue0)
                     && (!wait_q[1] || {wait_silent_q[1], wait_last_q[1]} == f_queue1));
    running: assert (run_q == f_run && fresh_q == f_fresh);
    slot: assert (!run_q || int'(slot_q) < SWEEP);
    next: assert (!run_q || int'(f_next) == ((int'(slot_q) < CHUNKS) ? int'(slot_q) : CHUNKS));
    ahead: assert (!run_q || (chunk_q == (int'(slot_q) < CHUNKS)
                                && end_q == (int'(slot_q) == CHUNKS - 1)
                                && final_q == (int'(slot_q) == SWEEP - 1)));
    age: assert (f_age != '0 && (!run_q || int'(slot_q) <= int'(f_chunk)
        || int'(f_age) >= int'(slot_q) - int'(f_chunk)));
    age_before: assert (run_q && int'(slot_q) > int'(f_chunk)
                          || int'(f_age) >= SWEEP - int'(f_chunk) + (run_q ? int'(slot_q) : 0));
    idle: assert (int'(f_idle) <= (run_q ? int'(slot_q) + 1 : 0));
`endif
  end

`ifdef TOP_rfssm_sweep
  // -- cover: two samples, the second's first step waits behind a running one --
  logic [3:0] f_done;
  always_ff @(posedge clk) begin
    if (step_free) f_done <= f_done + 1'b1;
    if (rst) f_done <= '0;
    two_samples: cover (f_past && !rst && f_done == 4'd2 && step_free && first && f_count == 2'd1);
  end
`endif
