// planted SCHEDULE...: runs every case under each schedule and prints lines
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
  for (int i = 1; i < argc; ++i) {
    emu::set_schedule(argv[i]);
    for (const planted::Case& c : planted::cases()) {
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
