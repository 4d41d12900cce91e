// The distinct mistakes of one launch, and their text.
#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "emu/order.h"
#include "emu/symbols.h"

namespace pygan::emu {

class Findings {
 public:
  enum class Kind : uint8_t { race, unwritten, outside, misaligned };
  void clear() { list_.clear(), rest_ = 0; }
  bool empty() const { return list_.empty(); }
  // False where the same mistake, of the same lines, is known already.
  bool fresh(Kind, Place a, Place b);
  // "$a" and "$b" in the text stand for the two lines: looked up at the end, all at once.
  void add(Kind, Place a, Place b, const std::string& text);
  std::string text(Symbols&, const std::string& kernel) const;

 private:
  static constexpr size_t kMost = 10;
  struct Finding {
    Kind kind;
    Place a, b;
    std::string text;
  };
  std::vector<Finding> list_;
  size_t rest_ = 0;  // found beyond kMost
};

}  // namespace pygan::emu
