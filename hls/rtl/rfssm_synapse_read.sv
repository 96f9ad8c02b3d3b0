// SPDX-License-Identifier: Apache-2.0
//
// The currents of two steps, one being added up, the other one being read: the third part of
// rfssm_synapse.
//
// A row of several words lies in two banks of LUT memory, of which one is filled; they change
// places with `filled` and with step_start.  The bank that is read lends the reader its port.  A
// row of one word lies in registers: the accumulator, and a copy of it that is read.
//
//   next_word    comes two cycles before `old`, the currents that it names
//   write        `sum` is word number write_word of the step that is filled
//   filled       with that cycle the step is complete
//   step_start   in the next cycle the reader turns to the next step; step_free  when it has read
//                the last of the step's words
//
// Nothing is ever cleared: a step's first sum overwrites.
//
// Latency: 4 cycles from read_index to current.  II: 1.
// Cost: two LUT memories of WORDS x LANES * PARTS * CURRENT_W bits (two registers if WORDS = 1);
// LANES / READ_LANES to 1 multiplexers of READ_LANES * PARTS * CURRENT_W bits.
`default_nettype none

module rfssm_synapse_read #(
  parameter int N_OUT      = 128,
  parameter int LANES      = 16,
  parameter int READ_LANES = 4,
  parameter int COMPLEX    = 1,
  parameter int CURRENT_W  = 14,
  localparam int WORDS     = (N_OUT + LANES - 1) / LANES,
  localparam int WORD_W    = (WORDS > 1) ? $clog2(WORDS) : 1,
  localparam int READS     = (N_OUT + READ_LANES - 1) / READ_LANES,
  localparam int READ_W    = (READS > 1) ? $clog2(READS) : 1,
  localparam int GROUPS    = LANES / READ_LANES,
  localparam int OUT_W     = READ_LANES * (COMPLEX + 1) * CURRENT_W,
  localparam int CUR_W     = GROUPS * OUT_W
) (
  input  wire logic              clk,

  /* verilator lint_off UNUSEDSIGNAL */  // a row of one word is always the same, and has no banks
  input  wire logic              rst,
  input  wire logic [WORD_W-1:0] next_word,
  input  wire logic [WORD_W-1:0] write_word,
  input  wire logic              filled,
  input  wire logic              step_free,
  /* verilator lint_on UNUSEDSIGNAL */
  output wire logic [CUR_W-1:0]  old,
  input  wire logic              write,
  input  wire logic [CUR_W-1:0]  sum,

  input  wire logic              step_start,
  /* verilator lint_off UNUSEDSIGNAL */  // a layer of one chunk always reads the same
  input  wire logic [READ_W-1:0] read_index,
  /* verilator lint_on UNUSEDSIGNAL */
  output wire logic [OUT_W-1:0]  current
);
  localparam int GROUP_W = (GROUPS > 1) ? $clog2(GROUPS) : 1;

  generate
    if (WORDS == 1) begin : g_register
      // wide selects fan out far and come from registers
      logic [CUR_W-1:0] acc_q, hold_q;
      logic start_q;
      always_ff @(posedge clk) begin
        start_q <= step_start;
        if (write) acc_q <= sum;
        if (start_q) hold_q <= acc_q;
      end
      assign old = acc_q;
      rfssm_select #(.W(OUT_W), .WORDS(GROUPS)) select (
        .clk, .words(hold_q), .index(GROUP_W'(read_index)), .q(current)
      );
    end else begin : g_memory
      // between registers; a word is written the cycle after it was read: with two words or more,
      // before it is read again
      (* ram_style = "distributed", ramstyle = "MLAB", syn_ramstyle = "distributed" *)
      logic [CUR_W-1:0] bank0 [0:WORDS-1];
      (* ram_style = "distributed", ramstyle = "MLAB", syn_ramstyle = "distributed" *)
      logic [CUR_W-1:0] bank1 [0:WORDS-1];
      logic fill_q;             // bank being filled
      logic read_q, reading_q;  // bank being read
      logic read_q2, reading_q2, read_q3, read_q4;
      logic [WORD_W-1:0] addr0_q, addr1_q, read_word_q;
      logic [CUR_W-1:0] out0_q, out1_q;
      wire logic [CUR_W-1:0] row = read_q4 ? out1_q : out0_q;
      assign old = fill_q ? out1_q : out0_q;
      always_ff @(posedge clk) begin
        out0_q <= bank0[addr0_q];
        out1_q <= bank1[addr1_q];
        read_word_q <= WORD_W'(read_index >> $clog2(GROUPS));
        reading_q2  <= reading_q;
        read_q2     <= read_q;
        read_q3     <= read_q2;
        read_q4     <= read_q3;
        addr0_q <= (reading_q2 && !read_q2) ? read_word_q : next_word;
        addr1_q <= (reading_q2 &&  read_q2) ? read_word_q : next_word;
        if (write && !fill_q) bank0[write_word] <= sum;
        if (write &&  fill_q) bank1[write_word] <= sum;
        if (filled) fill_q <= !fill_q;
        if (step_free)  reading_q <= 1'b0;
        if (step_start) begin
          reading_q <= 1'b1;
          read_q    <= !read_q;
        end
        if (rst) begin
          fill_q    <= 1'b0;
          read_q    <= 1'b1;
          reading_q <= 1'b0;
        end
      end
      logic [OUT_W-1:0] picked_q;
      assign current = picked_q;
      if (GROUPS == 1) begin : g_all
        always_ff @(posedge clk) picked_q <= row;
      end else begin : g_pick
        wire logic [OUT_W-1:0] group [0:GROUPS-1];
        for (genvar g = 0; g < GROUPS; g++) begin : g_group
          assign group[g] = row[g*OUT_W +: OUT_W];
        end
        logic [GROUP_W-1:0] pick_q, pick_q2, pick_q3;
        always_ff @(posedge clk) begin
          pick_q   <= GROUP_W'(read_index);
          pick_q2  <= pick_q;
          pick_q3  <= pick_q2;
          picked_q <= group[pick_q3];
        end
      end
    end
  endgenerate
endmodule
`default_nettype wire
