// SPDX-License-Identifier: Apache-2.0
//
// Stands for rfssm_sweep in proofs of what is behind it: any chunk at any time.  The properties of
// the module around it assume what rfssm_sweep is proved to keep.
`default_nettype none

module rfssm_sweep #(
  parameter int CHUNKS = 32,
  parameter int LOOP   = 8,
  localparam int CHUNK_W = (CHUNKS > 1) ? $clog2(CHUNKS) : 1
) (
  input  wire logic clk,
  input  wire logic rst,
  input  wire logic step_valid,
  input  wire logic step_silent,
  input  wire logic step_last,
  output wire logic step_start,
  output wire logic step_free,
  input  wire logic               room,
  output wire logic               issue,
  output wire logic [CHUNK_W-1:0] chunk,
  output wire logic               first,
  output wire logic               silent,
  output wire logic               last,
  output wire logic               end_chunk
);
  (* anyseq *) logic [CHUNK_W+6:0] f_any;
  assign {step_start, step_free, issue, first, silent, last, end_chunk, chunk} = f_any;
endmodule
`default_nettype wire
