// SPDX-License-Identifier: Apache-2.0
//
// One byte of CRC-16/IBM-SDLC (X.25, the frame check sequence of RFC 1662): polynomial
// x^16 + x^12 + x^5 + 1, lowest bit first, start FFFF, sent inverted with its low byte first.  Over a
// frame with its CRC the register always ends at F0B8.
//
// Latency 0.  Cost: 20 LUT4.
`default_nettype none

module rfssm_crc16 (
  input  wire logic [15:0] crc,
  input  wire logic [7:0]  data,
  output wire logic [15:0] next
);
  wire logic [7:0] low    = crc[7:0] ^ data;
  wire logic [7:0] folded = low ^ {low[3:0], 4'b0};  // x^12: the low half once more
  assign next = {8'b0, crc[15:8]} ^ {folded, 8'b0} ^ {5'b0, folded, 3'b0} ^ {12'b0, folded[7:4]};
endmodule
`default_nettype wire
