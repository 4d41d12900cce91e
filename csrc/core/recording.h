// A step recorded as a list of evaluations and writes, replayed without building a graph.
//
//   slots   what flows: inputs (new at each replay), arrays that outlive the step (weights, moments,
//           statistics: their present contents are read) and constants, and what the calls make
//   calls   an op with its slots; or a write in place (an optimizer's, assign_); or the check that
//           everything is finite, of which there is at most one
//
// While a StepRecording is active on a thread, evaluate() and the functions of optim/ report to it. A
// replay makes the same calls in the same order, so it gives the same bits.
//
// Some steps cannot be recorded: one that reads a value (its next op may depend on it), or uses an
// array that was made from the host's data within the step (a replay would use the old data). Such a
// step runs on eagerly, and broken() says why.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/op.h"

namespace pygan {

class StepRecording {
 public:
  using Update = std::function<void(const Arrays&)>;

  StepRecording() = default;
  StepRecording(const StepRecording&) = delete;

  // ---- recording: between begin and end, on one thread -------------------------------------------
  void begin(const Arrays& inputs);
  void input(const Array& a);  // one more, new at each replay from here on
  void end(const Arrays& outputs);
  void abandon();  // the step has failed
  void pause();    // what follows is the host's affair, until resume()
  void resume();
  void call(const std::shared_ptr<const Op>& op, const Arrays& in, const Arrays& out);
  void update(Update run, const Arrays& in);
  void check(const Arrays& in);
  void constant(const Array& a);  // made by zeros or full
  void break_off(const std::string& why);

  bool ready() const { return ended_ && broken_.empty(); }
  const std::string& broken() const { return broken_; }
  size_t size() const { return calls_.size(); }
  size_t inputs_before_check() const { return before_check_; }
  size_t inputs() const { return inputs_.size(); }

  // ---- replaying ---------------------------------------------------------------------------------
  // Runs up to the finite check with the inputs declared before it. False: not finite, and nothing
  // that lasts has been written.
  bool start(const Arrays& inputs);
  // The rest, with the other inputs. The outputs of end().
  Arrays finish(const Arrays& inputs);

 private:
  struct Call {
    enum class Kind : uint8_t { op, update, check, view } kind;
    std::shared_ptr<const Op> op;
    Update run;
    std::vector<int> in, out;  // slots; -1: undefined
    std::vector<int> last;     // slots that nobody reads afterwards
    int64_t offset = 0;        // of a view: bytes from its parent's first element
    Shape shape;
    Arrays args;  // of a replay: what lasts is in its place always, the rest while the call runs
  };
  struct Slot {
    Array array;     // of an input or a made array: its shape only
    bool lasts;      // weights, constants: the array itself
    const void* at;  // its first element, while recording
  };

  int slot_of(const Array& a, const char* user);
  int add(const Array& a, bool lasts);
  void fuse();  // core/fuse.cpp
  void run(Call& call);
  void forget();  // what the replay has made
  void feed(const Arrays& inputs, size_t begin);

  std::vector<Slot> slots_;
  std::vector<Call> calls_;
  std::vector<int> inputs_, outputs_;
  size_t before_check_ = 0, check_at_ = 0;
  bool has_check_ = false, ended_ = false;
  std::string broken_;
  uint64_t first_id_ = 0;  // storages from here on were made within the step
  std::unordered_map<uint64_t, std::vector<int>> by_storage_;
  Arrays values_;  // of a replay, by slot
};

StepRecording* active_recording();  // of this thread, outside of ops; or null

}  // namespace pygan
