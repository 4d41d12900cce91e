#include "optim/optim.h"

#include <algorithm>

#include "core/device.h"
#include "core/error.h"
#include "core/op.h"
#include "core/recording.h"

namespace pygan {
namespace {

const RegisterKernel<AdamKernel> adam_cpu{
    Device::cpu, [](const UpdateArgs& a) { PYGAN_DISPATCH(adam_chunks)(a); }};
const RegisterKernel<SgdKernel> sgd_cpu{Device::cpu,
                                        [](const UpdateArgs& a) { PYGAN_DISPATCH(sgd_chunks)(a); }};
const RegisterKernel<RmspropKernel> rmsprop_cpu{
    Device::cpu, [](const UpdateArgs& a) { PYGAN_DISPATCH(rmsprop_chunks)(a); }};
const RegisterKernel<EmaKernel> ema_cpu{Device::cpu,
                                        [](const UpdateArgs& a) { PYGAN_DISPATCH(ema_chunks)(a); }};
const RegisterKernel<ClipUpdateKernel> clip_cpu{
    Device::cpu, [](const UpdateArgs& a) { PYGAN_DISPATCH(clip_chunks)(a); }};
const RegisterKernel<FiniteKernel> finite_cpu{
    Device::cpu, [](const FiniteArgs& a) { return PYGAN_DISPATCH(all_finite)(a); }};

const RegisterKernel<IncrementKernel> increment_cpu{Device::cpu,
                                                    [](const IncrementArgs& a) { *a.x += a.by; }};

constexpr int64_t kChunk =
    1 << 14;  // elements: a task's share, enough to pay for handing it to a thread

struct Update {
  std::vector<UpdateChunk> chunks;
  Array hyper;  // on the host
  UpdateArgs args{};
};

// Cuts lists of equally shaped tensors into chunks, in the order of UpdateChunk's pointers:
// parameters, what is read beside them, and the update's moments; null for a list that the update
// does not have. Everything is checked before anything is marked changed.
Update cut(const char* op, const std::vector<const Arrays*>& lists, const Array& hyper,
           int64_t hyper_size) {
  const Arrays& p = *lists[0];
  for (const Arrays* list : lists)
    if (list && list->size() != p.size())
      throw_shape(op, "lists of " + std::to_string(p.size()) + " and " +
                          std::to_string(list->size()) + " tensors");
  if (!(hyper.shape() == Shape{hyper_size}) || hyper.dtype() != DType::f64)
    throw_shape(op,
                "hyper must be float64 (" + std::to_string(hyper_size) + ",), got " + hyper.str());
  Update u;
  u.chunks.reserve(p.size());
  for (size_t i = 0; i < p.size(); ++i) {
    check_float(op, p[i]);
    char* run[5] = {};
    for (size_t k = 0; k < lists.size(); ++k) {
      if (!lists[k]) continue;
      Array a = (*lists[k])[i];
      if (a.dtype() != p[0].dtype()) check_same_dtype(op, {p[0], a});
      if (a.device() != p[0].device()) check_same_device(op, {p[0], a});
      if (!(a.shape() == p[i].shape()))
        throw_shape(op, "tensor " + std::to_string(i) + ": " + p[i].shape().str() + " and " +
                            a.shape().str());
      run[k] = static_cast<char*>(k == 1 ? const_cast<void*>(a.data()) : a.mutable_data());
    }
    const int64_t item = item_size(p[i].dtype());
    for (int64_t at = 0; at < p[i].size(); at += kChunk) {
      const int64_t o = at * item;
      const auto from = [&](int k) { return run[k] ? run[k] + o : nullptr; };
      u.chunks.push_back(
          {from(0), from(1), from(2), from(3), from(4), std::min(kChunk, p[i].size() - at)});
    }
  }
  for (size_t k = 0; k < lists.size(); ++k)
    if (k != 1 && lists[k])
      for (const Array& a : *lists[k]) a.bump_version();
  u.hyper = to_host(hyper);
  u.args = {u.chunks.data(), static_cast<int64_t>(u.chunks.size()), u.hyper.ptr<double>(),
            !p.empty() && p[0].dtype() == DType::f64};
  return u;
}

template <class K>
void run(const Arrays& p, const Update& u) {
  if (p.empty()) return;
  run_as(K::name, {p[0]}, [&] {
    kernel<K>(p[0].device())(u.args);
    return p;
  });
}

// Lists of arrays as one, and back: how a recorded step keeps an update's arguments.
using Lists = std::vector<Arrays>;
void record(const Lists& lists, void (*run)(const Lists&)) {
  StepRecording* const r = active_recording();
  if (!r) return;
  Arrays all;
  std::vector<size_t> sizes;
  for (const Arrays& list : lists) {
    sizes.push_back(list.size());
    all.insert(all.end(), list.begin(), list.end());
  }
  r->update(
      [sizes, run](const Arrays& a) {
        Lists again;
        auto from = a.begin();
        for (const size_t n : sizes) {
          again.emplace_back(from, from + static_cast<std::ptrdiff_t>(n));
          from += static_cast<std::ptrdiff_t>(n);
        }
        run(again);
      },
      all);
}

}  // namespace

namespace optim {

void adam(const Arrays& p, const Arrays& g, const Arrays& m, const Arrays& v, const Array& hyper) {
  record({p, g, m, v, {hyper}}, [](const Lists& l) { adam(l[0], l[1], l[2], l[3], l[4][0]); });
  const Update u = cut("adam_", {&p, &g, &m, &v}, hyper, 8);
  run<AdamKernel>(p, u);
}

void sgd(const Arrays& p, const Arrays& g, const Arrays& momentum, const Array& hyper) {
  record({p, g, momentum, {hyper}}, [](const Lists& l) { sgd(l[0], l[1], l[2], l[3][0]); });
  const Update u = cut("sgd_", {&p, &g, &momentum}, hyper, 4);
  run<SgdKernel>(p, u);
}

void rmsprop(const Arrays& p, const Arrays& g, const Arrays& v, const Arrays& momentum,
             const Arrays& average, const Array& hyper) {
  record({p, g, v, momentum, average, {hyper}},
         [](const Lists& l) { rmsprop(l[0], l[1], l[2], l[3], l[4], l[5][0]); });
  const Arrays* m = momentum.empty() ? nullptr : &momentum;
  const Arrays* a = average.empty() ? nullptr : &average;
  const Update u = cut("rmsprop_", {&p, &g, m, &v, a}, hyper, 5);
  run<RmspropKernel>(p, u);
}

void ema(const Arrays& average, const Arrays& p, const Array& hyper) {
  record({average, p, {hyper}}, [](const Lists& l) { ema(l[0], l[1], l[2][0]); });
  const Update u = cut("ema_", {&average, &p}, hyper, 1);
  run<EmaKernel>(p, u);
}

void clip(const Arrays& p, const Array& hyper) {
  record({p, {hyper}}, [](const Lists& l) { clip(l[0], l[1][0]); });
  const Update u = cut("clip_", {&p}, hyper, 2);
  run<ClipUpdateKernel>(p, u);
}

bool all_finite(const Arrays& arrays) {
  if (StepRecording* r = active_recording()) r->check(arrays);
  // one launch for each device and dtype
  for (const Device device : {Device::cpu, Device::emu, Device::cuda})
    for (const DType dtype : {DType::f32, DType::f64}) {
      std::vector<FiniteRun> runs;
      Arrays first;
      for (const Array& a : arrays) {
        if (!a.has_data() || a.device() != device || a.dtype() != dtype) continue;
        if (first.empty()) first.push_back(a);
        // Equal pieces, so that threads can share them
        for (int64_t at = 0; at < a.size(); at += kChunk)
          runs.push_back({static_cast<const char*>(a.data()) + at * item_size(dtype),
                          std::min(kChunk, a.size() - at)});
      }
      if (runs.empty()) continue;
      bool finite = true;
      run_as(FiniteKernel::name, first, [&] {
        finite = kernel<FiniteKernel>(device)(
            {runs.data(), static_cast<int64_t>(runs.size()), dtype == DType::f64});
        return Arrays{};
      });
      if (!finite) return false;
    }
  return true;
}

void increment(Array x, int64_t by) {
  if (x.dtype() != DType::i64 || x.size() == 0)
    throw_dtype("increment_", "a counter is int64, got " + x.str());
  if (StepRecording* r = active_recording())
    r->update([by](const Arrays& a) { increment(a[0], by); }, {x});
  kernel<IncrementKernel>(x.device())({.x = x.mutable_ptr<int64_t>() + x.size() - 1, .by = by});
  x.bump_version();
}

void assign(Array x, const Array& value) {
  if (!(x.shape() == value.shape()))
    throw_shape("assign_", "cannot assign " + value.shape().str() + " to " + x.shape().str());
  if (x.dtype() != value.dtype())
    throw_dtype("assign_",
                "cannot assign " + value.str() + " to " + x.str() + ": convert with astype");
  record({{x, value}}, [](const Lists& l) { assign(l[0][0], l[0][1]); });
  copy_bytes(x.mutable_data(), x.device(), value.data(), value.device(),
             static_cast<size_t>(x.bytes()));
  x.bump_version();
}

}  // namespace optim
}  // namespace pygan
