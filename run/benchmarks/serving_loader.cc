// Loads an export with TensorFlow's C++ loader, as a server does, and asks it.
//
//   serving_loader DIRECTORY THREADS answer SIGNATURE ROWS K
//     prints one line for each output: name, then its values.
//   serving_loader DIRECTORY THREADS measure SIGNATURE ROWS K CLIENTS SECONDS [USERS]
//     asks from CLIENTS threads at once for SECONDS and prints JSON: calls, errors, calls a second, the median and
//     the 99th percentile of a call in microseconds, and the memory of the process in KiB after 1/3 of the time
//     and at the end.
//
// THREADS: of the session. ROWS: how many rows a call has, the indices 0, 1, ...; K below 0: the signature has no k.
// USERS: of so many indices each call asks for the next; without it all calls are the same.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/public/session_options.h"

using Clock = std::chrono::steady_clock;
using tensorflow::Tensor;

struct Call {
  std::vector<std::pair<std::string, Tensor>> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> names;
};

Call MakeCall(const tensorflow::SavedModelBundle& bundle, const std::string& signature, int rows, int k) {
  const auto& definition = bundle.meta_graph_def.signature_def().at(signature);
  Call call;
  for (const auto& [name, info] : definition.inputs()) {
    if (name == "k") {
      Tensor value(tensorflow::DT_INT32, tensorflow::TensorShape({}));
      value.scalar<int>()() = k;
      call.inputs.emplace_back(info.name(), value);
      continue;
    }
    Tensor value(tensorflow::DT_INT32, tensorflow::TensorShape({rows}));
    for (int row = 0; row < rows; ++row) value.flat<int>()(row) = row;
    call.inputs.emplace_back(info.name(), value);
  }
  for (const auto& [name, info] : definition.outputs()) {
    call.outputs.push_back(info.name());
    call.names.push_back(name);
  }
  return call;
}

long ResidentKib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  long kib = 0;
  while (status >> word) {
    if (word == "VmRSS:") status >> kib;
  }
  return kib;
}

int Answer(const tensorflow::SavedModelBundle& bundle, const Call& call) {
  std::vector<Tensor> answers;
  const auto status = bundle.session->Run(call.inputs, call.outputs, {}, &answers);
  if (!status.ok()) {
    std::cerr << status << std::endl;
    return 1;
  }
  std::cout.precision(9);
  for (size_t place = 0; place < answers.size(); ++place) {
    std::cout << call.names[place];
    const Tensor& answer = answers[place];
    for (int64_t n = 0; n < answer.NumElements(); ++n) {
      if (answer.dtype() == tensorflow::DT_FLOAT) std::cout << ' ' << answer.flat<float>()(n);
      if (answer.dtype() == tensorflow::DT_INT32) std::cout << ' ' << answer.flat<int>()(n);
      if (answer.dtype() == tensorflow::DT_BOOL) std::cout << ' ' << answer.flat<bool>()(n);
    }
    std::cout << '\n';
  }
  return 0;
}

// Gives a call the indices from `first`, counted modulo `users`, in memory of its own.
void AskFor(std::vector<std::pair<std::string, Tensor>>& inputs, long first, int users) {
  for (auto& [name, value] : inputs) {
    if (value.dims() != 1) continue;
    Tensor next(tensorflow::DT_INT32, value.shape());
    for (int64_t row = 0; row < next.NumElements(); ++row) next.flat<int>()(row) = (first + row) % users;
    value = next;
  }
}

int Measure(const tensorflow::SavedModelBundle& bundle, const Call& call, int clients, double seconds, int users) {
  for (int warm_up = 0; warm_up < 20; ++warm_up) {
    std::vector<Tensor> answers;
    (void)bundle.session->Run(call.inputs, call.outputs, {}, &answers);
  }
  std::atomic<long> errors{0};
  std::vector<std::vector<float>> times(clients);
  std::vector<std::thread> threads;
  const auto started = Clock::now();
  const auto end = started + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  for (int client = 0; client < clients; ++client) {
    // Room is taken before the memory is looked at.
    times[client].assign(static_cast<size_t>(seconds * 20000) + 1, 0.0f);
    times[client].clear();
    threads.emplace_back([&, client] {
      auto inputs = call.inputs;
      // Neighbours differ: a step that has no factor in common with most numbers of users.
      for (long first = client * 104729L; Clock::now() < end; first += 7919) {
        if (users > 0) AskFor(inputs, first, users);
        std::vector<Tensor> answers;
        const auto before = Clock::now();
        if (!bundle.session->Run(inputs, call.outputs, {}, &answers).ok()) ++errors;
        times[client].push_back(std::chrono::duration<float, std::micro>(Clock::now() - before).count());
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds / 3));
  const long early = ResidentKib();
  for (auto& thread : threads) thread.join();
  const long late = ResidentKib();
  std::vector<float> all;
  for (const auto& some : times) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  std::cout << "{\"calls\": " << all.size() << ", \"errors\": " << errors << ", \"calls_a_second\": "
            << all.size() / seconds << ", \"median_us\": " << all[all.size() / 2]
            << ", \"p99_us\": " << all[all.size() * 99 / 100] << ", \"early_kib\": " << early
            << ", \"late_kib\": " << late << "}" << std::endl;
  return 0;
}

int main(int count, char** arguments) {
  if (count < 7) return 2;
  tensorflow::SessionOptions options;
  const int threads = std::stoi(arguments[2]);
  options.config.set_intra_op_parallelism_threads(threads);
  options.config.set_inter_op_parallelism_threads(threads);
  tensorflow::SavedModelBundle bundle;
  const auto status = tensorflow::LoadSavedModel(options, {}, arguments[1], {"serve"}, &bundle);
  if (!status.ok()) {
    std::cerr << status << std::endl;
    return 1;
  }
  const Call call = MakeCall(bundle, arguments[4], std::stoi(arguments[5]), std::stoi(arguments[6]));
  if (std::string(arguments[3]) == "answer") return Answer(bundle, call);
  if (count < 9) return 2;
  const int users = count > 9 ? std::stoi(arguments[9]) : 0;
  return Measure(bundle, call, std::stoi(arguments[7]), std::stod(arguments[8]), users);
}
