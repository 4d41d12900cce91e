// Only in the build for tools/mutate_kernels.py (PYGAN_MUTANTS): copies of the kernels hold all
// mutants, and ask here which of them is chosen. Mutant 0 is the kernel as it is.
#pragma once

#include <cstdint>

namespace pygan::emu {

// Is this mutant chosen? Counts the calls, so that the tool knows which examples reach a mutant; a
// launch that asks more often than the tool allows does not end, and is ended.
int chosen(int mutant);

// A comparison; a chosen mutant's border is the other way.
template <class A, class B>
bool less(int mutant, A a, B b) {
  return chosen(mutant) ? a <= b : a < b;
}
template <class A, class B>
bool less_equal(int mutant, A a, B b) {
  return chosen(mutant) ? a < b : a <= b;
}
template <class A, class B>
bool greater(int mutant, A a, B b) {
  return chosen(mutant) ? a >= b : a > b;
}
template <class A, class B>
bool greater_equal(int mutant, A a, B b) {
  return chosen(mutant) ? a > b : a >= b;
}

}  // namespace pygan::emu

// What the tool calls, by ctypes.
#define PYGAN_TOOL extern "C" __attribute__((visibility("default")))
PYGAN_TOOL void pygan_choose_mutant(int mutant);
// From now on at most `limit` calls of chosen(); 0: any number. Forgets the counts.
PYGAN_TOOL void pygan_mutant_calls(uint64_t limit);
// Calls of chosen() for mutants 0 ... count - 1
PYGAN_TOOL void pygan_mutants_reached(uint64_t* calls, int count);
