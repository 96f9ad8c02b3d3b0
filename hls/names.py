"""Make and check the name of everything generated from a network, distinct for each network.

The name is a prefix of files and modules, and by itself the name of the HLS top.  It must be valid
in SystemVerilog, VHDL and C++ and as the name of a file in every file system.
"""

from __future__ import annotations

import re

from rfssm.errors import HardwareError

MAX_NAME_CHARS = 40
"""The longest name that, with all suffixes, is a valid file name and identifier everywhere."""

_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic
before begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle
checker class clocking cmos config const constraint context continue cover covergroup coverpoint
cross deassign default defparam design disable dist do edge else end endcase endchecker endclass
endclocking endconfig endfunction endgenerate endgroup endinterface endmodule endpackage
endprimitive endprogram endproperty endsequence endspecify endtable endtask enum event eventually
expect export extends extern final first_match for force foreach forever fork forkjoin function
generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies
import incdir include initial inout input inside instance int integer interconnect interface
intersect join join_any join_none large let liblist library local localparam logic longint
macromodule matches medium modport module nand negedge nettype new nexttime nmos nor
noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive
priority program property protected pull0 pull1 pulldown pullup pulsestyle_ondetect
pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg reject_on
release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually
s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled signed small
soft solve specify specparam static string strong strong0 strong1 struct super supply0 supply1
sync_accept_on sync_reject_on table tagged task this throughout time timeprecision timeunit tran
tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union unique unique0 unsigned until
until_with untyped use uwire var vectored virtual void wait wait_order wand weak weak0 weak1 while
wildcard wire with within wor xnor xor
"""
_VHDL = """
abs access after all architecture array attribute block body buffer bus component configuration
constant disconnect downto elsif entity exit file generic group guarded impure in inertial is
label linkage literal loop map mod next of on open others out port postponed procedure process
pure range record register reject rem report rol ror select severity shared signal sla sll sra srl
subtype then to transport unaffected units variable when
"""
_CPP = """
alignas alignof and_eq asm auto bitand bitor bool catch char char16_t char32_t char8_t co_await
co_return co_yield compl concept const_cast consteval constexpr constinit decltype delete double
dynamic_cast explicit false float friend goto inline long mutable namespace noexcept not_eq
nullptr operator or_eq private public reinterpret_cast requires short sizeof static_assert
static_cast switch template thread_local throw true try typeid typename using volatile wchar_t
xor_eq
"""
# macros and variables of the C library, namespaces that HLS C++ uses, devices of Windows, and what
# an HLS project defines beside its top: two headers, the input, the variables of its test bench
_OTHER = """
ap assert aux con daylight environ errno hls linux main nnet nul prn rfssm signgam std stderr
stdin stdout timezone unix
argc argv checkpoint cstr current defines e fin fout fpr i iline parameters pline pr results_log x
"""
_RESERVED = frozenset(" ".join((_VERILOG, _VHDL, _CPP, _OTHER)).split())
# modules and C++ types of rfssm, types of C, numbered devices of Windows, types of HLS C++, and
# memories and streams of an HLS project
_RESERVED_FORM = re.compile(
    r"rfssm_.*|.*_t|(com|lpt)[0-9]|a[pc]_.*|nnet_.*"
    r"|(config|weight|bias|transition|reset|threshold|leak|layer)[0-9]+(_out)?"
)


def module_name(name: str) -> str:
    """Make a name from any text; the tops append ``_core``, ``_axis`` and so on."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()[:MAX_NAME_CHARS].strip("_")
    if not word[:1].isalpha() or is_reserved(word):
        word = f"network_{word}"[: MAX_NAME_CHARS - 4].rstrip("_")
    return f"{word}_net" if is_reserved(word) else word


def checked_name(name: str) -> str:
    """Return a chosen name unchanged.  Raises HardwareError if the name is not valid."""
    if len(name) > MAX_NAME_CHARS:
        start, limit = name[:MAX_NAME_CHARS], MAX_NAME_CHARS
        raise HardwareError(f"name = {start!r}..: {len(name)} characters, must be at most {limit}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise HardwareError(
            f"name = {name!r}: must be lower-case letters, digits and single underscores between "
            f"them, a letter first, as {module_name(name)} (files are called after it, and some "
            "file systems do not tell A from a)"
        )
    if is_reserved(name):
        raise HardwareError(
            f"name = {name!r}: has a meaning of its own in SystemVerilog, VHDL, C++ or a file "
            f"system; choose another, as {module_name(name)}"
        )
    return name


def is_reserved(word: str) -> bool:
    """Whether a word has another meaning in a language or file system that the name is used in."""
    return word in _RESERVED or _RESERVED_FORM.fullmatch(word) is not None
