// One scenario a run; what happened goes to standard output, a line each.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/device.h"
#include "core/error.h"
#include "core/recording.h"
#include "device/cuda_runtime.h"
#include "fake.h"

namespace pygan {

// Nothing is recorded here, and the parts of the core that could are left out.
StepRecording* active_recording() { return nullptr; }
void StepRecording::constant(const Array&) {}

namespace {

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void attempt(const std::function<void()>& f) {
  try {
    f();
    say("fine");
  } catch (const Error& e) {
    say(std::string(e.python_name()) + ": " + e.what());
  }
}

void tell_why_not() {
  attempt([] { Array::empty({2}, DType::f32, Device::cuda); });
}

// Copies of sizes around the ring's pieces and its end, out and back, while nothing waits.
void copies() {
  std::mt19937 random(1);
  bool same = true;
  for (size_t size : {1, 3, 255, 256, 257, 4 << 20, (4 << 20) + 1, (9 << 20) + 13, 17 << 20}) {
    std::vector<unsigned char> a(size), b(size, 0);
    for (auto& x : a) x = static_cast<unsigned char>(random());
    Array x = Array::empty({static_cast<int64_t>(size)}, DType::u8, Device::cuda);
    std::vector<unsigned char> sent = a;
    copy_bytes(x.mutable_data(), Device::cuda, sent.data(), Device::cpu, size);
    std::fill(sent.begin(), sent.end(), 0);  // the host's memory is free again
    const Array y = to_device(x, Device::cuda);
    copy_bytes(b.data(), Device::cpu, y.data(), Device::cuda, size);
    same &= a == b;
  }
  // small and large ones mixed, before anybody reads
  for (int round = 0; round < 30; ++round) {
    std::vector<Array> kept;
    std::vector<std::vector<unsigned char>> sent;
    for (int i = 0; i < 12; ++i) {
      const size_t size = random() % (i % 3 ? size_t{3} << 20 : size_t{5000}) + 1;
      std::vector<unsigned char> v(size, static_cast<unsigned char>(random()));
      kept.push_back(Array::empty({static_cast<int64_t>(size)}, DType::u8, Device::cuda));
      copy_bytes(kept.back().mutable_data(), Device::cuda, v.data(), Device::cpu, size);
      sent.push_back(std::move(v));
    }
    synchronize(Device::cuda);  // the ring goes on where it is
    for (size_t i = 0; i < kept.size(); ++i)
      same &= std::memcmp(kept[i].data(), sent[i].data(), sent[i].size()) == 0;
  }
  say(same ? "same" : "different");
}

void constants() {
  const Array zeros = to_host(Array::zeros({1000}, DType::f32, Device::cuda));
  const Array floats = to_host(Array::full({1000}, 2.5, DType::f32, Device::cuda));
  const Array ints = to_host(Array::full({7}, -3, DType::i64, Device::cuda));
  const Array bytes = to_host(Array::full({7}, 200, DType::u8, Device::cuda));
  bool good = true;
  for (int64_t i = 0; i < 1000; ++i)
    good &= zeros.ptr<float>()[i] == 0 && floats.ptr<float>()[i] == 2.5f;
  for (int64_t i = 0; i < 7; ++i)
    good &= ints.ptr<int64_t>()[i] == -3 && bytes.ptr<uint8_t>()[i] == 200;
  say(good ? "good" : "bad");
}

void out_of_memory() {
  const int64_t half = static_cast<int64_t>(fake::knobs.capacity) * 6 / 10;
  {
    const Array gone = Array::empty({half}, DType::u8, Device::cuda);
  }
  attempt([&] {  // what was freed comes back once the stream has got there
    const Array again = Array::empty({half}, DType::u8, Device::cuda);
    attempt([&] { Array::empty({half}, DType::u8, Device::cuda); });
  });
  attempt([] { Array::zeros({1000}, DType::f32, Device::cuda); });
  synchronize(Device::cuda);
  device_api(Device::cuda).set_limit(6000);
  for (int i = 0; i < 2; ++i)  // the first one's memory is on its way back when the second comes
    attempt([] { Array::zeros({1000}, DType::f32, Device::cuda); });
  device_api(Device::cuda).set_limit(1000);
  attempt([] { Array::zeros({1000}, DType::f32, Device::cuda); });
}

// Slices of one tensor, either way, and one onto itself
void overlapping_copies() {
  for (const auto& [to, from] : {std::pair{0, 1}, {1, 0}, {1, 1}}) {
    std::vector<int64_t> values{0, 1, 2, 3, 4, 5, 6, 7};
    Array x = Array::empty({8}, DType::i64, Device::cuda);
    copy_bytes(x.mutable_data(), Device::cuda, values.data(), Device::cpu, 64);
    copy_bytes(x.rows(to, to + 7).mutable_data(), Device::cuda, x.rows(from, from + 7).data(),
               Device::cuda, 56);
    std::memmove(&values[static_cast<size_t>(to)], &values[static_cast<size_t>(from)], 56);
    const Array y = to_host(x);
    say(std::memcmp(y.data(), values.data(), 64) == 0 ? "same" : "different");
  }
}

void foreign_pointers() {
  const DeviceApi& api = device_api(Device::cuda);
  const Array x = Array::zeros({4}, DType::f32, Device::cuda);
  const float y = 0;
  say(api.why_not_readable(&y));
  say("'" + api.why_not_readable(x.data()) + "'");
  fake::knobs.owner = 1;
  say(api.why_not_readable(x.data()));
}

void illegal_address() {
  const Array kept = Array::zeros({4}, DType::f32, Device::cuda);
  fake::knobs.sticky = cudaErrorIllegalAddress;
  attempt([] { synchronize(Device::cuda); });
  attempt([] { Array::zeros({4}, DType::f32, Device::cuda); });
  attempt([&] { to_host(kept); });
  attempt([] { Array::zeros({4}, DType::f32, Device::cpu); });
}

void bad_launch() {
  fake::fail_launch(cudaErrorInvalidConfiguration);
  attempt([] { cuda::check_launch("/somewhere/relu_cuda.cu", 12); });
  attempt([] { Array::zeros({4}, DType::f32, Device::cuda); });
  attempt([] { cuda::allow_shared("kernel", 60 << 10); });
  attempt([] { cuda::allow_shared("kernel", 200 << 10); });
}

void sync_after_launch() {
  cuda::check_launch("relu_cuda.cu", 12);
  say(fake::knobs.waits ? "waited" : "did not wait");
  fake::knobs.sticky = cudaErrorIllegalAddress;
  attempt([] { cuda::check_launch("relu_cuda.cu", 12); });
}

void fork_after_start() {
  const Array kept = Array::zeros({4}, DType::f32, Device::cuda);
  const pid_t child = fork();
  if (child == 0) {
    tell_why_not();
    std::exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  attempt([&] { to_host(kept); });
}

void streams() {
  const DeviceApi& api = device_api(Device::cuda);
  api.publish(1);
  api.await(2);
  const bool right = fake::knobs.ordered == std::vector<uintptr_t>{1, api.stream()};
  say(right ? "ordered" : "not ordered");
  fake::knobs.current = 1;
  tell_why_not();
  attempt([] { Array::zeros({4}, DType::f32, Device::cuda); });
}

const std::map<std::string, std::function<void()>> kScenarios = {
    {"usable", tell_why_not},
    {"no_driver", [] { fake::knobs.driver = 0, tell_why_not(); }},
    {"old_driver", [] { fake::knobs.driver = 12040, tell_why_not(); }},
    {"no_gpu", [] { fake::knobs.count = 0, tell_why_not(); }},
    {"not_built", [] { fake::knobs.built = false, tell_why_not(); }},
    {"copies", copies},
    {"constants", constants},
    {"out_of_memory", out_of_memory},
    {"overlapping_copies", overlapping_copies},
    {"foreign_pointers", foreign_pointers},
    {"illegal_address", illegal_address},
    {"bad_launch", bad_launch},
    {"sync", sync_after_launch},
    {"fork", fork_after_start},
    {"streams", streams},
};

}  // namespace
}  // namespace pygan

int main(int, char** arguments) { pygan::kScenarios.at(arguments[1])(); }
