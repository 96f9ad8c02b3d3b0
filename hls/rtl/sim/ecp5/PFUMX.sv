// SPDX-License-Identifier: Apache-2.0
//
// Simulation model of the ECP5's multiplexer behind two look-up tables.
`default_nettype none

module PFUMX (
  input  wire ALUT, BLUT, C0,
  output wire Z
);
  assign Z = C0 ? ALUT : BLUT;
endmodule
`default_nettype wire
