"""Write a Tcl script that takes the IP alone, out of context, through Vivado's place and route."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rfssm.hls.design import Design
from rfssm.hls.synthesis.targets import Target


def script_name(design: Design) -> str:
    """Return the name of the script."""
    return f"{design.name}_vivado_ooc.tcl"


def ooc_script(design: Design, target: Target, sources: Sequence[str], frequency_mhz: float) -> str:
    """Return the text of the script.

    sources          files to read in folder ``rtl`` beside the script, including ``.mem`` files
    frequency_mhz    frequency of the clock constraint

    Every name is a literal Tcl word: in braces, with harmless characters only.
    """
    files = "\n".join(f"    {_word(name)}" for name in sources if name.endswith(".sv"))
    memories = "\n".join(f"    {_word(name)}" for name in sources if name.endswith(".mem"))
    return f"""\
# Out-of-context implementation of {_word(design.name + "_axis")} in Vivado.
#
#   vivado -mode batch -source {script_name(design)}
#   vivado -mode batch -source {script_name(design)} -tclargs PART PERIOD_NS
#
# Writes timing.rpt, utilization.rpt and the routed checkpoint into folder
# {design.name}_vivado beside this file.
# Ends with status 1 if the clock rate is not reached.
# Generated; nothing here depends on where the folder lies.

set part {_word(target.part)}
set period {1000 / frequency_mhz:.3f}
if {{[info exists argv] && [llength $argv] > 0}} {{ set part [lindex $argv 0] }}
if {{[info exists argv] && [llength $argv] > 1}} {{ set period [lindex $argv 1] }}

set here [file dirname [file normalize [info script]]]
set sources {{
{files}
}}
set memories {{
{memories}
}}
set reports [file join $here {_word(design.name + "_vivado")}]
file mkdir $reports
cd [file join $here rtl]
foreach name $sources {{ read_verilog -sv [file join $here rtl $name] }}
foreach name $memories {{ read_mem [file join $here rtl $name] }}

# the clock is known before synthesis, so that synthesis aims at it
set clock [file join $reports clock.xdc]
set file [open $clock w]
puts $file "create_clock -name aclk -period $period \\[get_ports aclk\\]"
close $file
read_xdc -mode out_of_context $clock

synth_design -mode out_of_context -part $part -top {_word(design.name + "_axis")}
opt_design
place_design
phys_opt_design
route_design

report_timing -max_paths 10 -file [file join $reports timing.rpt]
report_utilization -hierarchical -file [file join $reports utilization.rpt]
write_checkpoint -force [file join $reports routed.dcp]
set slack [get_property SLACK [get_timing_paths -max_paths 1]]
puts "slack $slack ns at a period of $period ns"
if {{$slack < 0}} {{ puts "too slow"; exit 1 }}
"""


def _word(name: str) -> str:
    """Return a literal word; the name must not have characters that are special in Tcl."""
    assert re.fullmatch(r"[A-Za-z0-9._-]+", name), name
    return f"{{{name}}}"
