#include "core/array.h"

#include <cstring>

#include "core/device.h"
#include "core/error.h"
#include "core/recording.h"

namespace pygan {

const char* name(DType t) {
  switch (t) {
    case DType::f32:
      return "float32";
    case DType::f64:
      return "float64";
    case DType::i64:
      return "int64";
    case DType::u8:
      return "uint8";
    case DType::boolean:
      return "bool";
  }
  return "?";
}

const char* name(Device d) {
  switch (d) {
    case Device::cpu:
      return "cpu";
    case Device::emu:
      return "emu";
    case Device::cuda:
      return "cuda";
  }
  return "?";
}

int64_t item_size(DType t) {
  switch (t) {
    case DType::f32:
      return 4;
    case DType::f64:
    case DType::i64:
      return 8;
    case DType::u8:
    case DType::boolean:
      return 1;
  }
  return 0;
}

DType parse_dtype(const std::string& s) {
  for (DType t : {DType::f32, DType::f64, DType::i64, DType::u8, DType::boolean})
    if (s == name(t)) return t;
  throw DTypeError("unknown dtype '" + s + "': use float32, float64, int64, uint8 or bool");
}

Device parse_device(const std::string& s) {
  for (Device d : {Device::cpu, Device::emu, Device::cuda})
    if (s == name(d)) return d;
  throw DeviceError("unknown device '" + s + "': use cpu, cuda or emu");
}

Shape::Shape(const int64_t* d, size_t rank) {
  if (rank > kMaxRank) throw ShapeError("a shape has at most 8 axes, got " + std::to_string(rank));
  for (size_t i = 0; i < rank; ++i) push_back(d[i]);
}

void Shape::push_back(int64_t extent) {
  if (rank_ == kMaxRank) throw ShapeError("a shape has at most 8 axes: " + str() + " is full");
  if (extent < 0) throw ShapeError("negative extent " + std::to_string(extent) + " in a shape");
  d_[rank_++] = extent;
}

int64_t Shape::size() const {
  int64_t n = 1;
  for (int64_t d : *this)
    if (__builtin_mul_overflow(n, d, &n)) throw ShapeError("shape " + str() + " is too large");
  return n;
}

std::string Shape::str() const {
  std::string s = "(";
  for (int i = 0; i < rank_; ++i) s += (i ? ", " : "") + std::to_string(d_[i]);
  return s + (rank_ == 1 ? ",)" : ")");
}

bool Shape::operator==(const Shape& o) const {
  return rank_ == o.rank_ &&
         std::memcmp(d_, o.d_, sizeof(int64_t) * static_cast<size_t>(rank_)) == 0;
}

uint64_t next_storage_id() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

Storage::~Storage() {
  if (release)
    release();
  else if (data)
    pygan::release(device, data, bytes);
}

Array Array::spec(const Shape& shape, DType dtype, Device device) {
  Array a;
  a.shape_ = shape;
  a.size_ = shape.size();
  a.dtype_ = dtype;
  a.device_ = device;
  a.kind_ = Kind::spec;
  return a;
}

Array Array::empty(const Shape& shape, DType dtype, Device device) {
  const DeviceApi& api = device_api(device);
  Array a = spec(shape, dtype, device);
  int64_t bytes;
  if (__builtin_mul_overflow(a.size_, item_size(dtype), &bytes))
    throw OutOfMemoryError("cannot allocate " + a.str() + ": too large");
  void* data = api.allocate(static_cast<size_t>(bytes));
  if (!data)
    throw OutOfMemoryError("out of memory: cannot allocate " + std::to_string(bytes) +
                           " bytes for " + a.str());
  a.storage_ = std::make_shared<Storage>();
  a.storage_->data = data;
  a.storage_->bytes = static_cast<size_t>(bytes);
  a.storage_->device = device;
  a.kind_ = Kind::data;
  return a;
}

Array Array::zeros(const Shape& shape, DType dtype, Device device) {
  Array a = empty(shape, dtype, device);
  const uint8_t zero = 0;
  device_api(device).fill(a.mutable_data(), &zero, 1, static_cast<size_t>(a.bytes()));
  if (StepRecording* r = active_recording()) r->constant(a);
  return a;
}

Array Array::full(const Shape& shape, double value, DType dtype, Device device) {
  Array a = empty(shape, dtype, device);
  const auto fill = [&]<class T>(T v) {
    device_api(device).fill(a.mutable_data(), &v, sizeof v, static_cast<size_t>(a.size()));
  };
  switch (dtype) {
    case DType::f32:
      fill(static_cast<float>(value));
      break;
    case DType::f64:
      fill(value);
      break;
    case DType::i64:
      fill(static_cast<int64_t>(value));
      break;
    case DType::u8:
      fill(static_cast<uint8_t>(value));
      break;
    case DType::boolean:
      fill(static_cast<uint8_t>(value != 0));
      break;
  }
  if (StepRecording* r = active_recording()) r->constant(a);
  return a;
}

Array Array::borrow(void* data, const Shape& shape, DType dtype, Device device, bool read_only,
                    std::function<void()> release) {
  Array a = spec(shape, dtype, device);
  a.storage_ = std::make_shared<Storage>();
  a.storage_->data = data;
  a.storage_->bytes = static_cast<size_t>(a.bytes());
  a.storage_->device = device;
  a.storage_->read_only = read_only;
  a.storage_->release = std::move(release);
  a.kind_ = Kind::data;
  return a;
}

const void* Array::data() const {
  if (!has_data())
    throw Error(defined() ? "the value of " + str() + " was not kept: only its shape is known here"
                          : std::string("an undefined array has no value"));
  return static_cast<const char*>(storage_->data) + offset_;
}

void* Array::mutable_data() {
  const void* p = data();
  if (storage_->read_only)
    throw Error("the memory of " + str() + " is read-only: copy it with pygan.tensor");
  return const_cast<void*>(p);
}

Array Array::reshape(const Shape& shape) const {
  if (shape.size() != size_)
    throw ShapeError("reshape: " + shape_.str() + " has " + std::to_string(size_) + " elements, " +
                     shape.str() + " has " + std::to_string(shape.size()));
  Array a = *this;
  a.shape_ = shape;
  return a;
}

Array Array::view(int64_t offset, const Shape& shape) const {
  Array a = *this;
  a.offset_ += offset;
  a.shape_ = shape;
  a.size_ = shape.size();
  if (a.offset_ < 0 || static_cast<size_t>(a.offset_ + a.bytes()) > storage_->bytes)
    throw ShapeError("view: " + shape.str() + " at byte " + std::to_string(a.offset_) +
                     " does not lie within " + std::to_string(storage_->bytes) + " bytes");
  return a;
}

Array Array::rows(int64_t begin, int64_t end) const {
  if (rank() == 0 || begin < 0 || end < begin || end > dim(0))
    throw ShapeError("rows: [" + std::to_string(begin) + ", " + std::to_string(end) +
                     ") is not within the leading axis of " + shape_.str());
  Array a = *this;
  a.shape_[0] = end - begin;
  a.size_ = a.shape_.size();
  const int64_t row = dim(0) ? size_ / dim(0) : 0;
  a.offset_ += begin * row * item_size(dtype_);
  return a;
}

std::string Array::str() const {
  if (!defined()) return "undefined";
  return std::string(name(dtype_)) + " " + shape_.str() + " on " + name(device_);
}

}  // namespace pygan
