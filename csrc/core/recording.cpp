#include "core/recording.h"

#include "core/autograd.h"
#include "core/error.h"
#include "optim/optim.h"

namespace pygan {

const char* running_op();

namespace {
thread_local StepRecording* active = nullptr;
}

// What an op does inside is its own: only whole ops are recorded.
StepRecording* active_recording() { return active && !*running_op() ? active : nullptr; }

// ---- recording -------------------------------------------------------------------------------------

void StepRecording::begin(const Arrays& inputs) {
  if (active) throw Error("a step is being recorded on this thread already");
  if (ended_ || !calls_.empty()) throw Error("this recording was used already");
  first_id_ = next_storage_id();
  for (const Array& a : inputs) input(a);
  active = this;
}

void StepRecording::input(const Array& a) { inputs_.push_back(add(a, false)); }

void StepRecording::abandon() {
  active = nullptr;
  break_off("the step failed");
}

void StepRecording::pause() {
  if (active == this) active = nullptr;
}

void StepRecording::resume() {
  if (!ended_) active = this;
}

void StepRecording::break_off(const std::string& why) {
  if (broken_.empty()) broken_ = why;
}

int StepRecording::add(const Array& a, bool lasts) {
  const int slot = static_cast<int>(slots_.size());
  slots_.push_back({lasts ? a : a.as_spec(), lasts, a.data()});
  by_storage_[a.storage()->id].push_back(slot);
  return slot;
}

void StepRecording::constant(const Array& a) { add(a, true); }

int StepRecording::slot_of(const Array& a, const char* user) {
  if (!a.defined()) return -1;
  if (!a.has_data()) {
    break_off(std::string(user) + " is given a shape without a value");
    return -1;
  }
  const auto known = by_storage_.find(a.storage()->id);
  if (known == by_storage_.end()) {
    if (a.storage()->id >= first_id_)
      break_off(std::string(user) + " reads " + a.str() +
                ", which was made from the host's data within the step");
    return add(a, true);
  }
  for (auto slot = known->second.rbegin(); slot != known->second.rend(); ++slot) {
    const Slot& other = slots_[static_cast<size_t>(*slot)];
    if (other.at == a.data() && other.array.shape() == a.shape() &&
        other.array.dtype() == a.dtype())
      return *slot;
  }
  const int parent = known->second.back();
  const Slot& whole = slots_[static_cast<size_t>(parent)];
  if (whole.lasts) return add(a, true);
  Call view{Call::Kind::view, {}, {}, {parent}, {}, {}, 0, a.shape(), {}};
  view.offset = static_cast<const char*>(a.data()) - static_cast<const char*>(whole.at);
  view.out = {add(a, false)};
  calls_.push_back(std::move(view));
  return calls_.back().out[0];
}

void StepRecording::call(const std::shared_ptr<const Op>& op, const Arrays& in, const Arrays& out) {
  Call c{Call::Kind::op, op, {}, {}, {}, {}, 0, {}, {}};
  for (const Array& a : in) c.in.push_back(slot_of(a, op->name()));
  for (const Array& a : out) c.out.push_back(a.has_data() ? add(a, false) : -1);
  calls_.push_back(std::move(c));
}

void StepRecording::update(Update run, const Arrays& in) {
  Call c{Call::Kind::update, {}, std::move(run), {}, {}, {}, 0, {}, {}};
  for (const Array& a : in) c.in.push_back(slot_of(a, "an update in place"));
  calls_.push_back(std::move(c));
}

void StepRecording::check(const Arrays& in) {
  if (has_check_) break_off("it looks twice whether values are finite");
  has_check_ = true;
  Call c{Call::Kind::check, {}, {}, {}, {}, {}, 0, {}, {}};
  for (const Array& a : in) c.in.push_back(slot_of(a, "all_finite"));
  before_check_ = inputs_.size();
  calls_.push_back(std::move(c));
}

void StepRecording::end(const Arrays& outputs) {
  active = nullptr;
  for (const Array& a : outputs) outputs_.push_back(slot_of(a, "the step's result"));
  if (!has_check_) before_check_ = inputs_.size();
  fuse();
  check_at_ = 0;
  while (check_at_ < calls_.size() && calls_[check_at_].kind != Call::Kind::check) ++check_at_;
  std::vector<bool> needed(slots_.size(), false);
  for (const int s : outputs_)
    if (s >= 0) needed[static_cast<size_t>(s)] = true;
  for (size_t i = calls_.size(); i-- > 0;) {
    Call& c = calls_[i];
    for (const std::vector<int>* list : {&c.in, &c.out})
      for (const int s : *list) {
        if (s < 0 || needed[static_cast<size_t>(s)] || slots_[static_cast<size_t>(s)].lasts)
          continue;
        needed[static_cast<size_t>(s)] = true;
        c.last.push_back(s);
      }
  }
  by_storage_.clear();
  values_.resize(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].lasts) values_[i] = slots_[i].array;
  for (Call& c : calls_) {
    c.args.resize(c.in.size());
    for (size_t i = 0; i < c.in.size(); ++i)
      if (c.in[i] >= 0 && slots_[static_cast<size_t>(c.in[i])].lasts)
        c.args[i] = values_[static_cast<size_t>(c.in[i])];
  }
  ended_ = true;
}

// ---- replaying -------------------------------------------------------------------------------------

void StepRecording::feed(const Arrays& inputs, size_t begin) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const size_t slot = static_cast<size_t>(inputs_[begin + i]);
    const Array& expected = slots_[slot].array;
    const Array& a = inputs[i];
    if (!a.has_data() || !(a.shape() == expected.shape()) || a.dtype() != expected.dtype() ||
        a.device() != expected.device())
      throw ShapeError("replay: input " + std::to_string(begin + i) + " is " + a.str() +
                       ", recorded was " + expected.str());
    values_[slot] = a;
  }
}

void StepRecording::run(Call& c) {
  const auto passing = [&](int slot) {
    return slot >= 0 && !slots_[static_cast<size_t>(slot)].lasts;
  };
  for (size_t i = 0; i < c.in.size(); ++i)
    if (passing(c.in[i])) c.args[i] = values_[static_cast<size_t>(c.in[i])];
  if (c.kind == Call::Kind::op) {
    Arrays out = evaluate(*c.op, c.args);
    for (size_t i = 0; i < out.size(); ++i)
      if (c.out[i] >= 0) values_[static_cast<size_t>(c.out[i])] = std::move(out[i]);
  } else if (c.kind == Call::Kind::view) {
    values_[static_cast<size_t>(c.out[0])] = c.args[0].view(c.offset, c.shape);
  } else if (c.kind == Call::Kind::update) {
    c.run(c.args);
  }
  for (size_t i = 0; i < c.in.size(); ++i)
    if (passing(c.in[i])) c.args[i] = Array();
  for (const int s : c.last) values_[static_cast<size_t>(s)] = Array();
}

void StepRecording::forget() {
  for (size_t i = 0; i < slots_.size(); ++i)
    if (!slots_[i].lasts) values_[i] = Array();
  for (Call& c : calls_)
    for (size_t i = 0; i < c.in.size(); ++i)
      if (c.in[i] >= 0 && !slots_[static_cast<size_t>(c.in[i])].lasts) c.args[i] = Array();
}

bool StepRecording::start(const Arrays& inputs) {
  if (!ready()) throw Error("this step was not recorded: " + broken_);
  if (inputs.size() != before_check_)
    throw ShapeError("replay: " + std::to_string(inputs.size()) + " inputs, recorded were " +
                     std::to_string(before_check_));
  feed(inputs, 0);
  for (size_t i = 0; i < check_at_; ++i) run(calls_[i]);
  if (!has_check_) return true;
  const Call& c = calls_[check_at_];
  Arrays in;
  for (const int s : c.in)
    if (s >= 0) in.push_back(values_[static_cast<size_t>(s)]);
  if (optim::all_finite(in)) return true;
  forget();
  return false;
}

Arrays StepRecording::finish(const Arrays& inputs) {
  if (inputs.size() != inputs_.size() - before_check_)
    throw ShapeError("replay: " + std::to_string(inputs.size()) + " late inputs, recorded were " +
                     std::to_string(inputs_.size() - before_check_));
  feed(inputs, before_check_);
  for (size_t i = check_at_; i < calls_.size(); ++i) run(calls_[i]);
  Arrays out;
  for (const int s : outputs_) out.push_back(s < 0 ? Array() : values_[static_cast<size_t>(s)]);
  for (const int s : outputs_)
    if (s >= 0 && !slots_[static_cast<size_t>(s)].lasts) values_[static_cast<size_t>(s)] = Array();
  return out;
}

}  // namespace pygan
