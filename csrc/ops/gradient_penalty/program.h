// A captured function as data: calls on numbered values, without the values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/capture.h"

namespace pygan::penalty {

struct Program {
  struct Slot {  // one tensor
    Array spec;
    int input = -1;  // of the op that runs the program: where its value comes in; -1: not kept
  };
  struct Call {
    std::shared_ptr<const Op> op;
    std::vector<int> in, out;  // slots; -1: an undefined tensor
    std::vector<bool> from_x;  // per input
  };
  std::vector<Slot> slots;  // slot 0: x
  std::vector<Call> calls;  // in a topological order; only those that `out` depends on
  int out = 0;              // slot
  int entering = 0;  // inputs [0, entering): x and the tensors that enter; after them saved values
};

struct Captured {
  Program program;
  Tensors inputs;   // x without its history, what enters with its own, saved values
  std::string why;  // not empty: why there is no program
};

// keep_out: out's value is an input too.
Captured make_program(const std::vector<Capture::Call>& calls, const Tensor& x, const Tensor& out,
                      bool keep_out);

}  // namespace pygan::penalty
