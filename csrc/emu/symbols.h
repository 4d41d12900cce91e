// From a program counter or a Site to the lines of source it stands for. The lines come from the
// debug information of the checked kernels through binutils' addr2line, many at once, and are kept.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "emu/order.h"

namespace pygan::emu {

struct Frame {
  std::string function, file;  // file: as it was compiled
  int line = 0;
};

class Symbols {
 public:
  Symbols();
  Place place(const void* return_address) const {  // of the call that returns there
    return static_cast<Place>(reinterpret_cast<uintptr_t>(return_address) - base_ - 1) & ~kSite;
  }
  Place place(Site);
  // Reads of constants: does the address lie in a part of this module that nobody may write?
  bool read_only(uintptr_t address, size_t bytes) const;

  void resolve(const std::vector<Place>&);  // of all that will be asked for
  // Innermost first; empty where unknown. The emulator's own headers are left out.
  const std::vector<Frame>& frames(Place);
  std::string line(Place);  // "softmax_cuda.cu:41", with the line that called an inlined function
  std::string function(const void*);  // a kernel's name
  const std::string& trouble() const {
    return trouble_;
  }  // why there are no lines; "" where there are

 private:
  static constexpr Place kSite = Place{1} << 31;
  void find_segments();
  std::vector<std::vector<Frame>> ask(const std::vector<uintptr_t>& offsets);

  uintptr_t base_ = 0;
  std::string module_;
  struct Segment {
    uintptr_t begin, end;
  };
  std::vector<Segment> read_only_;
  std::vector<Site> sites_;
  std::map<std::pair<std::string, int>, Place> site_places_;
  std::map<std::pair<const void*, int>, Place> quick_sites_;  // by the file's address
  std::map<Place, std::vector<Frame>> known_;
  std::map<const void*, std::string> functions_;
  std::string trouble_;
};

}  // namespace pygan::emu
