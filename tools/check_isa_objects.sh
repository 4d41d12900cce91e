#!/bin/sh
# Fails if an object file built for one instruction set defines a weak or unique symbol.
#
#   tools/check_isa_objects.sh build/.../*_cpu.cpp.o
#
# The linker keeps one copy of such a symbol (an inline function, a template) for the whole program.
# Where that copy holds AVX-512 code, the portable path crashes on a CPU without it. See
# csrc/core/isa.h.
set -eu

if [ "$#" -eq 0 ]; then
  echo "usage: $0 OBJECT..." >&2
  exit 2
fi

status=0
for object in "$@"; do
  # W, V: weak function or object; u: unique. Lower-case w and v are undefined references.
  leaks=$(nm -C --defined-only "$object" | grep -E '^[0-9a-f]+ [WVu] ' || true)
  if [ -n "$leaks" ]; then
    echo "$object defines symbols that the linker may share between instruction sets:" >&2
    echo "$leaks" >&2
    status=1
  fi
done
exit "$status"
