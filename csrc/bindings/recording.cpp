#include "core/recording.h"

#include "bindings/convert.h"

namespace pygan::bindings {
namespace {

Arrays arrays(const Tensors& tensors) {
  Arrays a;
  for (const Tensor& t : tensors) a.push_back(t.array());
  return a;
}

}  // namespace

// Its user is pygan/recording.py, which documents it.
void bind_recording(py::module_& m) {
  py::class_<Recording, std::shared_ptr<Recording>>(m, "Recording")
      .def(py::init<>())
      .def("begin", [](Recording& r, const Tensors& inputs) { r.begin(arrays(inputs)); })
      .def("input", [](Recording& r, const Tensor& t) { r.input(t.array()); })
      .def("end", [](Recording& r, const Tensors& outputs) { r.end(arrays(outputs)); })
      .def("abandon", &Recording::abandon)
      .def("pause", &Recording::pause)
      .def("resume", &Recording::resume)
      .def("start",
           [](Recording& r, const Tensors& inputs) {
             const Arrays in = arrays(inputs);
             return released([&] { return r.start(in); });
           })
      .def("finish",
           [](Recording& r, const Tensors& inputs) {
             const Arrays in = arrays(inputs);
             const Arrays out = released([&] { return r.finish(in); });
             Tensors tensors;
             for (const Array& a : out) tensors.emplace_back(a);
             return tensors;
           })
      .def_property_readonly("broken", &Recording::broken)
      .def_property_readonly("ready", &Recording::ready)
      .def_property_readonly("inputs", &Recording::inputs)
      .def_property_readonly("inputs_before_check", &Recording::inputs_before_check)
      .def("__len__", &Recording::size);
}

}  // namespace pygan::bindings
