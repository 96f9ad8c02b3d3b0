  // Properties of rfssm_skip.  Assumed: no event comes while two complete steps are not freed, and
  // the reader starts complete steps only, one at a time (proved of rfssm_synapse, rfssm_sweep).
  // Reference: the values of one neuron, any, in the last steps by number.

  // -- environment --
  logic f_past = 1'b0;
  always_ff @(posedge clk) f_past <= 1'b1;
  logic [1:0] f_closed, f_started, f_freed;  // steps, counted modulo 4
  wire logic  f_reading = (f_started != f_freed);
  always_comb begin
    assume (f_past || rst);
    if (f_closed - f_freed == 2'd2) assume (!event_valid && !event_close);
    if (step_start) assume (f_closed != f_started && (!f_reading || step_free));
    if (step_free) assume (f_reading);
    assume ({16'd0, 16'(event_addr)} < N);
  end
  always_ff @(posedge clk) begin
    f_closed  <= f_closed + 2'(event_close);
    f_started <= f_started + 2'(step_start);
    f_freed   <= f_freed + 2'(step_free);
    if (rst) {f_closed, f_started, f_freed} <= '0;
  end

  // -- reference --
  (* anyconst *) logic [ADDR_W-1:0] f_addr;
  always_comb assume ({16'd0, 16'(f_addr)} < N);
  wire logic [CHUNK_W-1:0] f_chunk = CHUNK_W'(int'(f_addr) / LANES);
  wire logic [31:0]        f_lane  = int'(f_addr) % LANES;
  logic [3:0]      f_is;  // the value is there
  logic [IN_W-1:0] f_values [0:3];
  always_ff @(posedge clk) begin
    if (event_valid && event_addr == f_addr) begin
      f_is[f_closed]     <= 1'b1;
      f_values[f_closed] <= event_value;
    end
    if (event_close) f_is[2'(f_closed + 2'd1)] <= 1'b0;
    if (rst) f_is <= '0;
  end

  // reads of the neuron's value, DELAY cycles before its spike
  wire logic [1:0]      f_now   = f_started - 2'd1;
  wire logic [IN_W-1:0] f_value = f_is[f_now] ? f_values[f_now] : '0;
  logic [DELAY+1:1] f_hit;
  logic [IN_W-1:0]  f_in [1:DELAY];
  logic [OUT_W-1:0] f_sum;
  wire logic [OUT_W-1:0] f_wide = {{OUT_W{IN_SIGNED != 0 && f_in[DELAY][IN_W-1]}}, f_in[DELAY]};
  always_ff @(posedge clk) begin
    f_hit   <= {f_hit[DELAY:1], f_reading && read_index == f_chunk};
    f_in[1] <= f_value;
    for (int k = 2; k <= DELAY; k++) f_in[k] <= f_in[k-1];
    f_sum   <= f_wide + OUT_W'(s_spike[f_lane]);
    if (rst) f_hit <= '0;
  end

  logic f_rst_q;
  logic [CHUNK_W+1:0] f_tags_q;
  logic f_valid_q;
  always_ff @(posedge clk) begin
    f_rst_q   <= rst;
    f_valid_q <= s_valid && !rst;
    f_tags_q  <= {s_chunk, s_step_end, s_last};
  end
  always_ff @(posedge clk) if (f_past && !rst) begin
    value_is_added: assert (!f_hit[DELAY+1] || m_values[f_lane*OUT_W +: OUT_W] == f_sum);
    chunks_pass: assert (m_valid == f_valid_q && (!m_valid
        || {m_chunk, m_step_end, m_last} == f_tags_q));
    both_steps: cover (f_hit[DELAY+1] && f_sum == '1 && f_reading && f_closed - f_freed == 2'd2
                       && f_is[f_started]);
    none: cover (f_hit[DELAY+1] && !f_is[f_now] && f_is[f_freed - 2'd1]);
  end
`ifdef INVARIANTS
  wire logic [IN_W-1:0] f_stored [0:LANES-1];
  wire logic [IN_W-1:0] f_other [0:LANES-1];
  wire logic [DELAY*IN_W-1:0] f_waiting [0:LANES-1];
  wire logic [OUT_W-1:0] f_out [0:LANES-1];
  for (genvar i = 0; i < LANES; i++) begin : g_f_lane
    assign f_stored[i]  = g_lane[i].values[{1'b0, f_chunk}];
    assign f_other[i]   = g_lane[i].values[{1'b1, f_chunk}];
    assign f_waiting[i] = g_lane[i].wait_q;
  end
  wire logic [1:0] f_there = {there1_q[f_addr], there0_q[f_addr]};
  wire logic [1:0] f_open = f_closed - f_freed;  // complete, not freed
  // of step f_freed + j: its buffer
  logic [2:0] f_held, f_same;
  always_comb for (int j = 0; j < 3; j++) begin
    f_held[j] = f_there[f_freed[0] ^ j[0]] == f_is[2'(f_freed + 2'(j))];
    f_same[j] = !f_is[2'(f_freed + 2'(j))] || f_values[2'(f_freed + 2'(j))]
              == ((f_freed[0] ^ j[0]) ? f_other[f_lane] : f_stored[f_lane]);
  end
  logic [DELAY:1] f_waits;
  always_comb for (int k = 1; k <= DELAY; k++)
    f_waits[k] = !f_hit[k] || f_in[k] == f_waiting[f_lane][(k-1)*IN_W +: IN_W];
  always_ff @(posedge clk) if (f_past && !rst) begin
    open: assert (f_open <= 2'd2 && 2'(f_started - f_freed) <= 2'd1
        && 2'(f_closed - f_started) <= 2'd2
                  && f_open >= 2'(f_reading));
    turns: assert (fill_q == f_closed[0] && read_q == !f_started[0]);
    first_held: assert (f_held[0] && f_same[0]);
    second_held: assert (f_held[1] && f_same[1] || f_open == '0);
    // the buffers behind the filled one are empty
    clean: assert (f_open != '0 || (!f_there[!f_freed[0]]));
    full: assert (f_open != 2'd2 || !f_is[f_closed]);
    waits: assert (&f_waits);
  end
`endif
