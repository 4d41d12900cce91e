// Array: raw memory with shape, dtype and device. No graph: gradients live in Tensor (tensor.h).
//
// Arrays are dense and row-major. Copying an Array copies a reference. Only `reshape` and `rows`
// (leading-axis slices) alias; everything else copies. Contents change through `assign_`
// (optim/), which bumps the storage's version, so that a backward pass can tell that a
// value it saved is gone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace pygan {

enum class DType : uint8_t { f32, f64, i64, u8, boolean };
enum class Device : uint8_t { cpu, emu, cuda };
constexpr int kDevices = 3;

const char* name(DType);                  // NumPy's: "float32", "float64", "int64", "uint8", "bool"
const char* name(Device);                 // "cpu", "emu", "cuda"
int64_t item_size(DType);                 // bytes
DType parse_dtype(const std::string&);    // DTypeError
Device parse_device(const std::string&);  // DeviceError
inline bool is_float(DType t) { return t == DType::f32 || t == DType::f64; }

// Up to eight extents, inline: shapes are made in every op and must not allocate.
class Shape {
 public:
  static constexpr int kMaxRank = 8;
  Shape() = default;
  Shape(std::initializer_list<int64_t> d) : Shape(d.begin(), d.size()) {}
  explicit Shape(const std::vector<int64_t>& d) : Shape(d.data(), d.size()) {}
  Shape(const int64_t* d, size_t rank);  // ShapeError above kMaxRank or for a negative extent

  int rank() const { return rank_; }
  int64_t operator[](int i) const { return d_[i]; }
  int64_t& operator[](int i) { return d_[i]; }
  int64_t back() const { return d_[rank_ - 1]; }
  const int64_t* begin() const { return d_; }
  const int64_t* end() const { return d_ + rank_; }
  int64_t size() const;  // number of elements
  void push_back(int64_t extent);
  std::string str() const;  // "(2, 3)"
  bool operator==(const Shape& o) const;

 private:
  int64_t d_[kMaxRank] = {};
  int rank_ = 0;
};

uint64_t next_storage_id();

// A block of device memory, or somebody else's memory kept alive by `owner`.
struct Storage {
  void* data = nullptr;
  size_t bytes = 0;
  Device device = Device::cpu;
  bool read_only = false;
  std::atomic<uint64_t> version{0};
  const uint64_t id = next_storage_id();  // never used again
  std::function<void()> release;          // of borrowed memory; empty: returns to the allocator
  ~Storage();
};

class Array {
 public:
  Array() = default;  // undefined: means zero wherever a gradient is expected
  static Array empty(const Shape&, DType, Device = Device::cpu);  // OutOfMemoryError
  static Array zeros(const Shape&, DType, Device = Device::cpu);
  static Array full(const Shape&, double value, DType, Device = Device::cpu);
  static Array borrow(void* data, const Shape&, DType, Device, bool read_only,
                      std::function<void()> release);
  static Array spec(const Shape&, DType,
                    Device);  // shape without memory: what a node keeps of an input it did not save

  bool defined() const { return kind_ != Kind::undefined; }
  bool has_data() const { return kind_ == Kind::data; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int i) const { return shape_[i]; }
  int64_t size() const { return size_; }
  int64_t bytes() const { return size_ * item_size(dtype_); }
  DType dtype() const { return dtype_; }
  Device device() const { return device_; }
  uint64_t version() const { return storage_->version.load(std::memory_order_relaxed); }
  void bump_version() const { storage_->version.fetch_add(1, std::memory_order_relaxed); }
  const std::shared_ptr<Storage>& storage() const { return storage_; }

  const void* data() const;  // throws where there is no memory behind the shape
  void* mutable_data();      // throws for read-only memory as well
  template <class T>
  const T* ptr() const {
    return static_cast<const T*>(data());
  }
  template <class T>
  T* mutable_ptr() {
    return static_cast<T*>(mutable_data());
  }

  Array reshape(const Shape&) const;             // alias; ShapeError when sizes differ
  Array rows(int64_t begin, int64_t end) const;  // alias of [begin, end) of the leading axis
  // The elements from `offset` bytes after the first on, as another shape; they must lie within
  // the storage.
  Array view(int64_t offset, const Shape& shape) const;
  Array as_spec() const { return spec(shape_, dtype_, device_); }
  std::string str() const;  // "float32 (2, 3) on cpu"

 private:
  enum class Kind : uint8_t { undefined, spec, data };
  std::shared_ptr<Storage> storage_;
  Shape shape_;
  int64_t offset_ = 0;  // bytes
  int64_t size_ = 0;
  DType dtype_ = DType::f32;
  Device device_ = Device::cpu;
  Kind kind_ = Kind::undefined;
};

using Arrays = std::vector<Array>;

}  // namespace pygan
