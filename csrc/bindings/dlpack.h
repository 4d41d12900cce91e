// DLPack's structures, by its specification (version 1.1): how array libraries hand each other memory.
#pragma once

#include <cstdint>

namespace pygan::dlpack {

struct Version {
  uint32_t major, minor;
};
constexpr int32_t kCpu = 1, kCuda = 2;
struct Place {
  int32_t type, id;
};
constexpr uint8_t kInt = 0, kUint = 1, kFloat = 2, kBool = 6;
struct Type {
  uint8_t code, bits;
  uint16_t lanes;
};
struct TensorView {
  void* data;
  Place place;
  int32_t rank;
  Type type;
  int64_t* shape;    // (rank)
  int64_t* strides;  // (rank), in elements; null: dense
  uint64_t offset;   // bytes
};

struct Managed {  // capsule "dltensor"
  TensorView view;
  void* context;
  void (*deleter)(Managed*);
};
constexpr uint64_t kReadOnly = 1, kCopied = 2;
struct ManagedVersioned {  // capsule "dltensor_versioned"
  Version version;
  void* context;
  void (*deleter)(ManagedVersioned*);
  uint64_t flags;
  TensorView view;
};

}  // namespace pygan::dlpack
