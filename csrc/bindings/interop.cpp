// Memory shared with other libraries: DLPack both ways (CPU and CUDA) and __cuda_array_interface__
// both ways. What goes out is read-only. On CUDA, work that the other library puts on its stream
// comes after pygan's on the same memory, and pygan's after what it had there when it handed it over.
#include "bindings/convert.h"
#include "bindings/dlpack.h"
#include "core/device.h"
#include "core/error.h"

namespace pygan::bindings {
namespace {

constexpr uintptr_t kLegacyStream = 1;

dlpack::Type type_of(DType t) {
  const auto bits = static_cast<uint8_t>(8 * item_size(t));
  switch (t) {
    case DType::f32:
    case DType::f64:
      return {dlpack::kFloat, bits, 1};
    case DType::i64:
      return {dlpack::kInt, bits, 1};
    case DType::u8:
      return {dlpack::kUint, bits, 1};
    case DType::boolean:
      break;
  }
  return {dlpack::kBool, bits, 1};
}

DType dtype_of(const dlpack::Type& t) {
  for (DType d : {DType::f32, DType::f64, DType::i64, DType::u8, DType::boolean}) {
    const dlpack::Type known = type_of(d);
    if (t.code == known.code && t.bits == known.bits && t.lanes == 1) return d;
  }
  const char* kinds[] = {"int", "uint", "float", "opaque", "bfloat", "complex", "bool"};
  throw DTypeError(std::string("from_dlpack: dtype ") + (t.code < 7 ? kinds[t.code] : "of code ") +
                   std::to_string(t.bits) +
                   " is not supported: use float32, float64, int64, uint8 or bool");
}

// ---- out: DLPack ---------------------------------------------------------------------------------

template <class Header>
struct Exported : Header {
  Array array;
  int64_t shape[Shape::kMaxRank], strides[Shape::kMaxRank];
  uintptr_t stream;  // that the consumer works on
};

template <class Header>
py::capsule capsule_of(const Array& a, uintptr_t stream, const char* name) {
  auto* e = new Exported<Header>;
  e->array = a;
  e->stream = stream;
  int64_t step = 1;
  for (int i = a.rank() - 1; i >= 0; --i) {
    e->shape[i] = a.dim(i);
    e->strides[i] = step;
    step *= a.dim(i) > 0 ? a.dim(i) : 1;
  }
  e->view = {.data = const_cast<void*>(a.data()),
             .place = {a.device() == Device::cuda ? dlpack::kCuda : dlpack::kCpu, 0},
             .rank = a.rank(),
             .type = type_of(a.dtype()),
             .shape = e->shape,
             .strides = e->strides,
             .offset = 0};
  e->context = e;
  e->deleter = [](Header* h) {
    auto* gone = static_cast<Exported<Header>*>(h->context);
    // The consumer's kernels may still run, and the memory is about to be used again.
    if (gone->array.device() == Device::cuda && gone->stream != kLegacyStream) try {
        device_api(Device::cuda).drain();
      } catch (const Error&) {  // then no memory is used again either
      }
    delete gone;
  };
  return py::capsule(static_cast<Header*>(e), name, [](PyObject* c) {
    // Renamed by a consumer that took it over.
    const char* now = PyCapsule_GetName(c);
    if (!now || std::string_view(now).starts_with("used_")) return;
    auto* h = static_cast<Header*>(PyCapsule_GetPointer(c, now));
    h->deleter(h);
  });
}

void check_shared(const char* what, const Array& a) {
  if (a.device() == Device::emu)  // nothing but the emulator's kernels may write there
    throw DeviceError(std::string(what) + ": " + a.str() +
                      " cannot be shared: use .to(\"cpu\") or numpy(), which copy");
}

py::tuple dlpack_device(const Tensor& t) {
  check_shared("DLPack", t.array());
  return py::make_tuple(t.device() == Device::cuda ? dlpack::kCuda : dlpack::kCpu, 0);
}

py::object to_dlpack(const Tensor& t, const py::object& stream, const py::object& max_version,
                     const py::object& dl_device, const py::object& copy) {
  check_export("DLPack");
  check_shared("DLPack", t.array());
  Array a = t.array();
  const bool must_copy = !copy.is_none() && copy.cast<bool>();
  const bool may_copy = copy.is_none() || must_copy;
  bool copied = false;
  const auto replace = [&](Device device) {
    a = released([&] { return to_device(a, device); });
    copied = true;
  };
  if (!dl_device.is_none() && !dl_device.equal(dlpack_device(t))) {
    if (!dl_device.equal(py::make_tuple(dlpack::kCpu, 0)) || !may_copy)
      throw py::buffer_error("DLPack: " + a.str() + " cannot go to the device " +
                             py::repr(dl_device).cast<std::string>() + " without a copy");
    replace(Device::cpu);
  }
  if (must_copy && !copied) replace(a.device());
  uintptr_t number = kLegacyStream;
  if (a.device() == Device::cuda) {
    const int64_t wanted = stream.is_none() ? 1 : stream.cast<int64_t>();
    if (wanted == 0 || wanted < -1)
      throw py::buffer_error("DLPack: stream " + std::to_string(wanted) +
                             " is ambiguous: 1 is the legacy default stream, 2 the per-thread one");
    if (wanted > 0) device_api(Device::cuda).publish(static_cast<uintptr_t>(wanted));
    number = static_cast<uintptr_t>(wanted);
  } else if (!stream.is_none()) {
    throw py::buffer_error("DLPack: memory of the CPU has no streams: stream must be None");
  }
  // Only version 1 of the protocol can say "read-only"; an older consumer gets a copy.
  const bool versioned =
      !max_version.is_none() && max_version.cast<std::pair<int, int>>().first >= 1;
  if (!versioned) {
    if (!copied && may_copy && a.device() == Device::cpu) replace(a.device());
    return capsule_of<dlpack::Managed>(a, number, "dltensor");
  }
  py::capsule c = capsule_of<dlpack::ManagedVersioned>(a, number, "dltensor_versioned");
  auto* h = c.get_pointer<dlpack::ManagedVersioned>();
  h->version = {1, 1};
  h->flags = copied ? dlpack::kCopied : dlpack::kReadOnly;
  return c;
}

// ---- in: DLPack ----------------------------------------------------------------------------------

py::capsule ask(const py::object& x, bool cuda) {
  py::dict named;
  if (cuda) named["stream"] = device_api(Device::cuda).stream();
  const py::object method = x.attr("__dlpack__");
  try {
    return method(**named, py::arg("max_version") = py::make_tuple(1, 1));
  } catch (py::error_already_set& e) {
    if (!e.matches(PyExc_TypeError)) throw;  // an older producer does not know the argument
  }
  return method(**named);
}

bool is_dense(const dlpack::TensorView& v) {
  int64_t step = 1;
  for (int i = v.rank - 1; i >= 0; --i) {
    if (v.strides && v.shape[i] != 1 && v.strides[i] != step) return false;
    step *= v.shape[i];
  }
  return true;
}

// Before borrowed memory of the GPU goes back: its owner's streams need not wait for pygan's kernels,
// which may still read it. (The legacy default stream does wait.)
void finish_reading() {
  try {
    synchronize(Device::cuda);
  } catch (const Error&) {  // then no kernel reads any more
  }
}

bool is_aligned(uintptr_t data, DType dtype) {
  return data % static_cast<uintptr_t>(item_size(dtype)) == 0;
}

template <class Header>
Array take_over(const py::capsule& capsule, const char* used, bool read_only) {
  auto* h = capsule.get_pointer<Header>();
  const dlpack::TensorView& v = h->view;
  const Device device = v.place.type == dlpack::kCuda ? Device::cuda : Device::cpu;
  const DType dtype = dtype_of(v.type);
  const Shape shape(v.shape, static_cast<size_t>(v.rank));
  char* data = static_cast<char*>(v.data) + v.offset;
  const bool aligned = is_aligned(reinterpret_cast<uintptr_t>(data), dtype);
  check_dtype_on("from_dlpack", dtype, device);
  if (PyCapsule_SetName(capsule.ptr(), used) != 0) throw py::error_already_set();
  const auto give_back = [h, device] {
    if (device == Device::cuda) finish_reading();
    if (!Py_IsInitialized()) return;
    py::gil_scoped_acquire gil;
    if (h->deleter) h->deleter(h);
  };
  Array a = Array::borrow(data, shape, dtype, device, read_only, give_back);
  if (shape.size() == 0) return Array::empty(shape, dtype, device);
  if (is_dense(v) && aligned) return a;
  if (device == Device::cuda)
    throw ShapeError("from_dlpack: " + a.str() + " is not " + (aligned ? "dense" : "aligned") +
                     ": copy it there first (cupy.array)");
  std::vector<py::ssize_t> strides;
  for (int i = 0; i < v.rank; ++i)
    strides.push_back((v.strides ? v.strides[i] : 0) * item_size(dtype));
  const py::array view(numpy_dtype(dtype).cast<py::dtype>(),
                       std::vector<py::ssize_t>(shape.begin(), shape.end()), strides, data,
                       py::capsule(new Array(a), [](void* p) { delete static_cast<Array*>(p); }));
  return copy_in(view.attr("copy")(), std::nullopt, Device::cpu);
}

Tensor from_dlpack(const py::object& x) {
  if (!py::hasattr(x, "__dlpack__") || !py::hasattr(x, "__dlpack_device__"))
    throw DTypeError("from_dlpack: " + py::type::of(x).attr("__name__").cast<std::string>() +
                     " has no __dlpack__: use pygan.tensor, which copies");
  const auto [type, id] = x.attr("__dlpack_device__")().cast<std::pair<int, int>>();
  const bool cuda = type == dlpack::kCuda;
  if ((!cuda && type != dlpack::kCpu) || (cuda && id != 0))
    throw DeviceError("from_dlpack: the array is on DLPack device (" + std::to_string(type) + ", " +
                      std::to_string(id) + "): only the CPU (1, 0) and the first GPU (2, 0) do");
  if (cuda) device_api(Device::cuda);  // DeviceError where there is none
  const py::capsule c = ask(x, cuda);
  if (std::string_view(c.name()) == "dltensor_versioned") {
    const auto* h = c.get_pointer<dlpack::ManagedVersioned>();
    if (h->version.major != 1)
      throw DTypeError("from_dlpack: version " + std::to_string(h->version.major) +
                       " of DLPack is not known");
    const bool read_only = h->flags & dlpack::kReadOnly;
    return Tensor(take_over<dlpack::ManagedVersioned>(c, "used_dltensor_versioned", read_only));
  }
  // An older producer cannot say whether its memory may be written; NumPy too takes it as read-only.
  return Tensor(take_over<dlpack::Managed>(c, "used_dltensor", true));
}

// ---- __cuda_array_interface__, version 3 ---------------------------------------------------------

py::object cuda_interface(const py::object& self) {
  const Tensor& t = self.cast<const Tensor&>();
  if (t.device() != Device::cuda)
    throw py::attribute_error("__cuda_array_interface__: the tensor is on " +
                              std::string(name(t.device())));
  check_export("__cuda_array_interface__");
  // A consumer keeps this handle alive, not its memory, which set_ may replace: the handle keeps both.
  const py::dict kept = self.attr("__dict__");
  if (!kept.contains("_exported")) kept["_exported"] = py::dict();
  const auto at = reinterpret_cast<uintptr_t>(t.array().data());
  kept["_exported"][py::int_(at)] = py::cast(t.detach());
  py::dict d;
  d["shape"] = from_shape(t.shape());
  d["typestr"] = numpy_dtype(t.dtype()).attr("str");
  d["data"] = py::make_tuple(t.size() ? at : 0, true);  // read-only
  d["strides"] = py::none();
  d["version"] = 3;
  d["stream"] = device_api(Device::cuda).stream();
  return d;
}

Tensor from_cuda_array(const py::object& x) {
  if (!py::hasattr(x, "__cuda_array_interface__"))
    throw DTypeError("from_cuda_array: " + py::type::of(x).attr("__name__").cast<std::string>() +
                     " has no __cuda_array_interface__: use pygan.tensor, which copies");
  const DeviceApi& api = device_api(Device::cuda);
  const py::dict d = x.attr("__cuda_array_interface__");
  const auto numpy = py::module_::import("numpy");
  const py::object described = numpy.attr("dtype")(d["typestr"]);
  const DType dtype = to_dtype(described);
  check_dtype_on("from_cuda_array", dtype, Device::cuda);
  if (!described.attr("isnative").cast<bool>())
    throw DTypeError("from_cuda_array: " + d["typestr"].cast<std::string>() +
                     " is not in this machine's byte order");
  const Shape shape = to_shape(d["shape"]);
  if (d.contains("strides") && !d["strides"].is_none()) {
    const auto strides = d["strides"].cast<std::vector<int64_t>>();
    int64_t step = item_size(dtype);
    for (int i = shape.rank() - 1; i >= 0; --i) {
      if (shape[i] != 1 && strides.at(static_cast<size_t>(i)) != step)
        throw ShapeError("from_cuda_array: an array " + shape.str() +
                         " that is not dense: copy it there first (cupy.array)");
      step *= shape[i];
    }
  }
  if (d.contains("mask") && !d["mask"].is_none())
    throw DTypeError("from_cuda_array: masked arrays are not supported");
  const auto [at, read_only] = d["data"].cast<std::pair<uintptr_t, bool>>();
  if (shape.size() == 0) return Tensor(Array::empty(shape, dtype, Device::cuda));
  if (!is_aligned(at, dtype))
    throw ShapeError("from_cuda_array: an array " + shape.str() +
                     " that is not aligned: copy it there first (cupy.array)");
  if (const std::string why = api.why_not_readable(reinterpret_cast<void*>(at)); !why.empty())
    throw DeviceError("from_cuda_array: the memory is " + why);
  bool ordered = false;  // does what the owner does next wait for pygan's kernels?
  if (d.contains("stream") && !d["stream"].is_none()) {
    const auto stream = d["stream"].cast<uintptr_t>();
    ordered = stream == kLegacyStream;
    if (stream == 0) throw ConfigError("from_cuda_array: stream 0 is ambiguous in the interface");
    api.await(stream);
  }
  PyObject* owner = py::object(x).release().ptr();
  return Tensor(Array::borrow(reinterpret_cast<void*>(at), shape, dtype, Device::cuda, read_only,
                              [owner, ordered] {
                                if (!ordered) finish_reading();
                                if (!Py_IsInitialized()) return;
                                py::gil_scoped_acquire gil;
                                Py_DECREF(owner);
                              }));
}

}  // namespace

Array copy_from_cuda(const py::object& x, std::optional<Device> device) {
  const Array a = from_cuda_array(x).array();
  return released([&] { return to_device(a, device.value_or(Device::cuda)); });
}

void bind_interop(py::module_& m) {
  const auto tensor = py::reinterpret_borrow<py::class_<Tensor>>(m.attr("Tensor"));
  py::class_<Tensor> c = tensor;
  c.def("__dlpack__", &to_dlpack, py::kw_only(), py::arg("stream") = py::none(),
        py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(),
        py::arg("copy") = py::none());
  c.def("__dlpack_device__", &dlpack_device);
  c.def_property_readonly("__cuda_array_interface__", &cuda_interface);
  m.def(
      "from_dlpack", &from_dlpack, py::arg("x"),
      "A tensor over the memory of an array that speaks DLPack, on the CPU or the GPU (one that is "
      "not dense is copied, on the CPU).");
  m.def("from_cuda_array", &from_cuda_array, py::arg("x"),
        "A tensor over the GPU memory of a dense array that has __cuda_array_interface__.");
}

}  // namespace pygan::bindings
