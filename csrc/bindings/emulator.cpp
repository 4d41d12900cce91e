// Device emu as pygan.emu shows it: schedules, the checker, its counts.
#include <cstdlib>

#include "bindings/convert.h"
#include "core/op.h"
#include "emu/check.h"
#include "emu/runtime.h"

namespace pygan::bindings {
namespace {

py::dict report() {
  py::list kernels, rows;
  for (const emu::KernelRow& k : emu::report_kernels()) {
    py::dict d;
    d["kernel"] = k.kernel;
    d["launches"] = k.launches;
    d["blocks"] = k.blocks;
    d["threads"] = k.threads;
    kernels.append(d);
  }
  for (const emu::ReportRow& r : emu::report_rows()) {
    py::dict d;
    d["kernel"] = r.kernel;
    d["file"] = r.file;
    d["line"] = r.line;
    d["space"] = r.space;
    d["kind"] = r.kind;
    d["warps"] = r.warps;
    d["lanes"] = r.lanes;
    d["bytes"] = r.bytes;
    d["sectors"] = r.sectors;
    d["ideal_sectors"] = r.ideal_sectors;
    d["wavefronts"] = r.wavefronts;
    d["ideal_wavefronts"] = r.ideal_wavefronts;
    rows.append(d);
  }
  py::dict all;
  all["kernels"] = kernels;
  all["rows"] = rows;
  all["trouble"] = emu::report_trouble();
  return all;
}

}  // namespace

void bind_emulator(py::module_& m) {
  const char* text = std::getenv("PYGAN_EMU_CHECK");
  if (text && *text && std::string(text) != "0") {
    emu::begin_check(false);
    use_checked_kernels(true);
  }
  m.def("emu_schedule", &emu::schedule);
  m.def("emu_set_schedule", &emu::set_schedule, py::arg("schedule"));
  m.def("emu_most_blocks", &emu::most_blocks);
  m.def("emu_set_most_blocks", &emu::set_most_blocks, py::arg("blocks"));
  m.def(
      "emu_begin_check",
      [](bool traffic) {
        emu::begin_check(traffic);
        use_checked_kernels(true);
      },
      py::arg("traffic"), "Kernels on emu run checked from now on. Calls may be nested.");
  m.def(
      "emu_end_check",
      [](bool traffic) {
        emu::end_check(traffic);
        use_checked_kernels(emu::checking());
      },
      py::arg("traffic"));
  m.def("emu_report", &report, "Launches, and accesses by source line, counted since the start.");
}

}  // namespace pygan::bindings
