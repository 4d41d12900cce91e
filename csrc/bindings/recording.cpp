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

// What tells inputs of different shapes, dtypes or devices apart.
py::bytes signature(const Tensors& tensors) {
  std::string s;
  for (const Tensor& t : tensors) {
    s += static_cast<char>(t.dtype());
    s += static_cast<char>(t.device());
    s += static_cast<char>(t.rank());
    s.append(reinterpret_cast<const char*>(t.shape().begin()),
             static_cast<size_t>(t.rank()) * sizeof(int64_t));
  }
  return s;
}

// Its user is pygan/recording.py, which documents it.
void bind_recording(py::module_& m) {
  m.def("signature", signature, py::arg("tensors"));
  py::class_<StepRecording, std::shared_ptr<StepRecording>>(m, "StepRecording")
      .def(py::init<>())
      .def("begin", [](StepRecording& r, const Tensors& inputs) { r.begin(arrays(inputs)); })
      .def("input", [](StepRecording& r, const Tensor& t) { r.input(t.array()); })
      .def("end", [](StepRecording& r, const Tensors& outputs) { r.end(arrays(outputs)); })
      .def("abandon", &StepRecording::abandon)
      .def("pause", &StepRecording::pause)
      .def("resume", &StepRecording::resume)
      .def("start",
           [](StepRecording& r, const Tensors& inputs) {
             const Arrays in = arrays(inputs);
             return released([&] { return r.start(in); });
           })
      .def("finish",
           [](StepRecording& r, const Tensors& inputs) {
             const Arrays in = arrays(inputs);
             const Arrays out = released([&] { return r.finish(in); });
             Tensors tensors;
             for (const Array& a : out) tensors.emplace_back(a);
             return tensors;
           })
      .def_property_readonly("broken", &StepRecording::broken)
      .def_property_readonly("ready", &StepRecording::ready)
      .def_property_readonly("inputs", &StepRecording::inputs)
      .def_property_readonly("inputs_before_check", &StepRecording::inputs_before_check)
      .def("__len__", &StepRecording::size);
}

}  // namespace pygan::bindings
