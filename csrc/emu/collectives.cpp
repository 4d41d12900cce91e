#include "emu/collectives.h"

#include <cstdio>

#include "emu/block.h"

namespace pygan::emu {

const char* name(Collective op) {
  static const char* const names[] = {"__syncwarp",       "__shfl_sync",     "__shfl_up_sync",
                                      "__shfl_down_sync", "__shfl_xor_sync", "__ballot_sync",
                                      "__any_sync",       "__all_sync",      "__match_any_sync",
                                      "mma (TF32)",       "mma (bfloat16)",  "ldmatrix"};
  return names[static_cast<int>(op)];
}

namespace {

std::string hex(uint32_t mask) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mask);
  return text;
}

// The lane whose value a shuffle returns to `lane`, and whether it lies within the segment.
int source(Collective op, const LaneArgs& a, int lane) {
  const int segment = lane / a.width * a.width, at = lane % a.width;
  switch (op) {
    case Collective::shuffle:
      return segment + (a.lane & (a.width - 1));
    case Collective::shuffle_up:
      return at < a.lane ? lane : lane - a.lane;
    case Collective::shuffle_down:
      return at + a.lane >= a.width ? lane : lane + a.lane;
    default: {  // xor: a lane beyond the segment keeps its own value
      const int other = lane ^ a.lane;
      return other >= segment + a.width ? lane : other;
    }
  }
}

// All lanes of `mask` have come: what each gets.
void complete(Collective op, uint32_t mask, int first /* thread of lane 0 */) {
  Block& b = *block;
  uint32_t votes = 0;
  void* fragments[kWarp] = {};
  for (int lane = 0; lane < kWarp; ++lane) {
    if (!(mask >> lane & 1)) continue;
    const Thread& t = b.thread(first + lane);
    votes |= uint32_t{t.args.value != 0} << lane;
    fragments[lane] = t.args.fragment;
  }
  if (op == Collective::mma_tf32_16x8x8) return mma_tf32_16x8x8(fragments);
  if (op == Collective::mma_bf16_16x8x16) return mma_bf16_16x8x16(fragments);
  if (op == Collective::ldmatrix) return ldmatrix(fragments);
  for (int lane = 0; lane < kWarp; ++lane) {
    if (!(mask >> lane & 1)) continue;
    Thread& t = b.thread(first + lane);
    switch (op) {
      case Collective::ballot:
        t.result = votes;
        break;
      case Collective::any:
        t.result = votes != 0;
        break;
      case Collective::all:
        t.result = votes == mask;
        break;
      case Collective::match_any:
        t.result = 0;
        for (int other = 0; other < kWarp; ++other)
          if (mask >> other & 1 && b.thread(first + other).args.value == t.args.value)
            t.result |= uint64_t{1} << other;
        break;
      case Collective::sync:
        break;
      default: {
        const int from = source(op, t.args, lane);
        if (!(mask >> from & 1))
          return fail(std::string(name(op)) + " at " + where(t.site) + ": lane " +
                      std::to_string(lane) + " reads lane " + std::to_string(from) +
                      ", which is not in the mask " + hex(mask));
        t.result = b.thread(first + from).args.value;
      }
    }
  }
}

}  // namespace

uint64_t collective(Collective op, uint32_t mask, const LaneArgs& args, Site site) {
  Block& b = *block;
  const int self = b.running, lane = self % kWarp, first = self - lane;
  Thread& t = b.thread(self);
  t.site = site;
  const auto call = [&] { return std::string(name(op)) + " at " + where(site); };
  if (!(mask >> lane & 1)) fail(call() + ": the caller's lane is not in the mask " + hex(mask));
  if (args.width < 1 || args.width > kWarp || (args.width & (args.width - 1)))
    fail(call() + ": width " + std::to_string(args.width) + " is not a power of two up to 32");
  bool complete_now = true;
  for (int i = 0; i < kWarp; ++i) {
    if (!(mask >> i & 1) || i == lane) continue;
    if (first + i >= b.count)
      fail(call() + ": the mask " + hex(mask) + " names lane " + std::to_string(i) +
           ", which this block does not have");
    const Thread& u = b.thread(first + i);
    if (u.state == Thread::State::gone)
      fail(call() + ": the mask " + hex(mask) + " names " + thread_name(first + i) +
           ", which has left the kernel");
    if (u.state != Thread::State::at_collective) {
      complete_now = false;
      continue;
    }
    if (u.mask == mask && u.op == op && u.args.width == args.width) continue;
    if (u.mask != mask && !(u.mask >> lane & 1)) {  // it is busy elsewhere, and may still come
      complete_now = false;
      continue;
    }
    fail(call() + " with mask " + hex(mask) + " and width " + std::to_string(args.width) +
         " does not meet " + name(u.op) + " at " + where(u.site) + " with mask " + hex(u.mask) +
         " and width " + std::to_string(u.args.width) + " of " + thread_name(first + i));
  }
  t.args = args;
  t.mask = mask;
  t.op = op;
  const bool orders = op == Collective::sync;
  if (orders) order_release(&t.arrival);
  if (!complete_now) {
    t.state = Thread::State::at_collective;
    b.wait();
    if (orders) order_acquire(&t.departure);
    return t.result;
  }
  if (orders) {
    for (int i = 0; i < kWarp; ++i)
      if (mask >> i & 1) order_acquire(&b.thread(first + i).arrival);
    for (int i = 0; i < kWarp; ++i)
      if (mask >> i & 1) order_release(&b.thread(first + i).departure);
  }
  if (Observer* o = active_observer()) o->warp_sync(self / kWarp, mask, op, site);
  complete(op, mask, first);
  for (int i = 0; i < kWarp; ++i)
    if (mask >> i & 1 && i != lane) b.make_ready(first + i);
  return t.result;
}

}  // namespace pygan::emu
