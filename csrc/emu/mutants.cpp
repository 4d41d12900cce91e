#include "emu/mutants.h"

#include <string>

#include "emu/runtime.h"

namespace pygan::emu {
namespace {

constexpr int kMutants = 1 << 14;
int the_chosen = 0;
uint64_t calls[kMutants], all_calls = 0, limit = 0;

}  // namespace

int chosen(int mutant) {
  calls[mutant] += 1;
  all_calls += 1;
  if (limit && all_calls > limit) fail("does not end");
  return mutant == the_chosen;
}

}  // namespace pygan::emu

void pygan_choose_mutant(int mutant) { pygan::emu::the_chosen = mutant; }
void pygan_mutant_calls(uint64_t limit) {
  using namespace pygan::emu;
  pygan::emu::limit = limit;
  all_calls = 0;
  for (uint64_t& n : calls) n = 0;
}
void pygan_mutants_reached(uint64_t* out, int count) {
  for (int i = 0; i < count && i < pygan::emu::kMutants; ++i) out[i] = pygan::emu::calls[i];
}
