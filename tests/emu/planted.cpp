// planted --rows CASE: runs one case and prints what was counted.
// planted [--only PREFIX] SCHEDULE...: runs every case (whose name begins so) under each schedule, and
// prints lines
// "case <tab> schedule <tab> value <tab> message", the message with \n for line ends.
#include "planted.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "emu/check.h"

namespace pygan {

// What the emulator takes from the core
const char* running_op() { return ""; }
void register_device(Device, const DeviceApi*) {}

namespace planted {
std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
}  // namespace planted
}  // namespace pygan

int main(int argc, char** argv) {
  using namespace pygan;
  emu::begin_check(true);
  if (argc == 3 && std::string(argv[1]) == "--rows") {
    for (const planted::Case& c : planted::cases())
      if (std::string(c.name) == argv[2]) c.run();
    for (const emu::ReportRow& r : emu::report_rows())
      std::printf("%s\t%d\t%s %s\t%llu\t%llu\t%llu\t%llu\t%llu\n", r.kernel.c_str(), r.line,
                  r.space.c_str(), r.kind.c_str(), static_cast<unsigned long long>(r.warps),
                  static_cast<unsigned long long>(r.lanes),
                  static_cast<unsigned long long>(r.sectors),
                  static_cast<unsigned long long>(r.ideal_sectors),
                  static_cast<unsigned long long>(r.wavefronts - r.ideal_wavefronts));
    return 0;
  }
  std::string only;
  int first = 1;
  if (argc > 2 && std::string(argv[1]) == "--only") only = argv[2], first = 3;
  for (int i = first; i < argc; ++i) {
    emu::set_schedule(argv[i]);
    for (const planted::Case& c : planted::cases()) {
      if (std::string(c.name).rfind(only, 0) != 0) continue;
      std::string message;
      float value = 0;
      try {
        value = c.run();
      } catch (const Error& e) {
        message = std::string(e.python_name()) + ": " + e.what();
      }
      for (size_t at; (at = message.find('\n')) != std::string::npos;)
        message.replace(at, 1, "\\n");
      std::printf("%s\t%s\t%.9g\t%s\n", c.name, argv[i], static_cast<double>(value),
                  message.c_str());
    }
  }
}
