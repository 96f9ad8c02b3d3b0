  // Properties of rfssm_layer: each part keeps what its neighbours are proved under.  Assumed of
  // rfssm_synapse, which any source of steps stands for here, is what it is proved to keep; what is
  // behind the encoder's entrance is proved of rfssm_encoder.
  (* hierconn *) wire logic \cells.issue ;
  logic f_past = 1'b0;
  always_ff @(posedge clk) f_past <= 1'b1;
  logic [2:0] f_closed, f_announced, f_started, f_freed;  // steps, counted modulo 8
  logic [4:0] f_flight;                                   // chunks on their way to the encoder
  wire logic  f_waits   = (f_announced != f_started);
  wire logic  f_reading = (f_started != f_freed);
  always_ff @(posedge clk) begin
    f_closed    <= f_closed + 3'(event_close);
    f_announced <= f_announced + 3'(step_valid);
    f_started   <= f_started + 3'(step_start);
    f_freed     <= f_freed + 3'(step_free);
    f_flight    <= f_flight + 5'(\cells.issue ) - 5'(e_valid);
    if (rst) {f_closed, f_announced, f_started, f_freed, f_flight} <= '0;
  end
  always_comb begin
    assume (f_past || rst);
    if (3'(f_closed - f_freed) == 3'd2) assume (!event_valid && !event_close);
    if (step_valid) assume (f_announced != f_closed);
    assume ({20'd0, 12'(event_addr)} < N_IN);
  end

  always_ff @(posedge clk) if (f_past && !rst) begin
    // for rfssm_synapse and rfssm_skip
    starts_at_once: assert (step_start == (f_waits && (!f_reading || step_free)));
    starts_what_is_closed: assert (!step_start || f_started != f_closed);
    frees_what_runs: assert (!step_free || f_reading);
    two_buffers: assert (!step_valid || 3'(f_announced - f_freed) < 3'd2);
    // for rfssm_encoder
    only_with_room: assert (!\cells.issue || (room && int'(f_flight) < PIPE + 1));
    none_made_up: assert (!e_valid || f_flight != '0);
    last_ends_the_step: assert (!(e_valid && e_last) || e_step_end);
    a_step: cover (e_valid && e_last && f_started == 3'd2);
  end
`ifdef INVARIANTS
  (* hierconn *) wire logic [1:0] \cells.sweep.f_count ;
  (* hierconn *) wire logic \cells.sweep.f_run ;
  (* hierconn *) wire logic [2:0] \cells.f_announced ;
  (* hierconn *) wire logic [2:0] \cells.f_started ;
  (* hierconn *) wire logic [2:0] \cells.f_freed ;
  (* hierconn *) wire logic [PIPE:1] \cells.valid_q ;
  logic [4:0] f_pipe;
  always_comb begin
    f_pipe = (SKIP != 0) ? 5'(e_valid) : 5'd0;
    for (int k = 1; k <= PIPE; k++) f_pipe = f_pipe + 5'(\cells.valid_q [k]);
  end
  always_ff @(posedge clk) if (f_past && !rst) begin
    same_steps: assert (f_announced == \cells.f_announced && f_started == \cells.f_started
                        && f_freed == \cells.f_freed );
    steps: assert (3'(f_announced - f_started) == 3'(\cells.sweep.f_count )
                   && 3'(f_started - f_freed) == 3'(\cells.sweep.f_run )
                   && 3'(f_closed - f_freed) <= 3'd2
                   && 3'(f_announced - f_freed) <= 3'(f_closed - f_freed));
    flight: assert (f_flight == f_pipe);
    // the sweep's second waiting place stays empty behind this synapse
    never_two_wait: assert (\cells.sweep.f_count != 2'd2);
  end
`endif
