#include "tests/simulation/search.hpp"

#include "base/log.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <new>
#include <thread>

namespace weir::simulation {

namespace {

using wall_clock = std::chrono::steady_clock;

/// "I1", "I3", …: what a cut plan must still break.
std::string_view invariant(const outcome& what) {
  return std::string_view{what.violation}.substr(0, what.violation.find(':'));
}

plan without(const plan& whole, size_t first, size_t count) {
  auto cut = whole;
  const auto begin = cut.steps.begin() + static_cast<std::ptrdiff_t>(first);
  cut.steps.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
  return cut;
}

void simplify(request_plan& request) {
  request.padding = 0;
  request.pieces = 1;
  request.repeats = 0;
  request.grows_from = 0;
  request.leaves_after = duration{-1};
}

/// The product's own log, between the lines of the trace.
void print_event(log_level, std::string_view event,
                 std::initializer_list<log_field> fields) {
  fmt::print("             {}", event);
  for (const auto& field : fields)
    std::visit([&](const auto& value) { fmt::print(" {}={}", field.key, value); },
               field.value);
  fmt::print("\n");
}

/// What the searching processes share.
struct progress {
  std::atomic<uint64_t> next{0};
  std::atomic<uint64_t> done{0};
  std::atomic<bool> failed{false};
};

progress& share_progress() {
  void* const memory = ::mmap(nullptr, sizeof(progress), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw std::bad_alloc{};
  return *new (memory) progress;
}

void report(uint64_t seed, const outcome& what, fibers& threads,
            const search_options& options) {
  const auto cut = shorten(draw(seed, options.cluster), threads, options.mistake);
  fmt::print("seed {}: {}\nshortest plan: {}again: ./dev simulate {}--seed {} --short\n",
             seed, what.violation, describe(cut), options.cluster ? "--cluster " : "",
             seed);
  std::fflush(stdout);
}

/// One process: takes seeds until there are none left, time is over, or one has failed.
void search_share(const search_options& options, progress& shared,
                  wall_clock::time_point until) {
  fibers threads;
  while ((options.go_on || !shared.failed) && wall_clock::now() < until) {
    const auto i = shared.next++;
    if (options.seconds == 0 && i >= options.runs)
      return;
    const auto seed = options.first_seed + i;
    const auto end =
      simulate(draw(seed, options.cluster), threads, false, options.mistake);
    ++shared.done;
    if (end.violation.empty())
      continue;
    if (!options.go_on && shared.failed.exchange(true))
      return; // another process tells
    if (options.go_on) {
      shared.failed = true;
      fmt::print("seed {}: {}\n", seed, end.violation);
      std::fflush(stdout);
      continue;
    }
    return report(seed, end, threads, options);
  }
}

} // namespace

plan draw(uint64_t seed, bool cluster) {
  return cluster ? draw_cluster_plan(seed) : draw_plan(seed);
}

plan shorten(plan failing, fibers& threads, bite mistake) {
  const std::string goal{invariant(simulate(failing, threads, false, mistake))};
  const auto fails = [&](const plan& p) {
    return invariant(simulate(p, threads, false, mistake)) == goal;
  };
  for (size_t size = std::max<size_t>(failing.steps.size() / 2, 1); size >= 1; size /= 2)
    for (size_t at = 0; at + size <= failing.steps.size();) {
      if (auto cut = without(failing, at, size); fails(cut))
        failing = std::move(cut);
      else
        at += size;
    }
  for (size_t i = 0; i < failing.steps.size(); ++i) {
    auto simpler = failing;
    simplify(simpler.steps[i].request);
    if (failing.steps[i].what == deed::send && fails(simpler))
      failing = std::move(simpler);
  }
  return failing;
}

bool replay(uint64_t seed, const search_options& options) {
  fibers threads;
  auto what = draw(seed, options.cluster);
  if (options.shorten)
    what = shorten(std::move(what), threads, options.mistake);
  fmt::print("{}\n", describe(what));
  set_log_writer(print_event);
  const auto end = simulate(what, threads, true, options.mistake);
  set_log_writer(nullptr);
  fmt::print("seed {}: {} steps, {} lives, {:.3f} s of virtual time, trace {:016x}: {}\n",
             seed, end.steps, end.lives,
             static_cast<double>(end.virtual_time.count()) * 1e-6, end.trace_hash,
             end.violation.empty() ? "every invariant held" : end.violation);
  return end.violation.empty();
}

std::optional<finding> first_failure(uint64_t first_seed, uint64_t runs, fibers& threads,
                                     bite mistake, bool cluster) {
  for (uint64_t i = 0; i < runs; ++i)
    if (auto end = simulate(draw(first_seed + i, cluster), threads, false, mistake);
        !end.violation.empty())
      return finding{first_seed + i, i + 1, std::move(end)};
  return std::nullopt;
}

bool search(const search_options& options) {
  const auto processes = options.processes > 0
                           ? options.processes
                           : std::max(1u, std::thread::hardware_concurrency());
  const auto began = wall_clock::now();
  const auto until = options.seconds > 0
                       ? began
                           + std::chrono::duration_cast<wall_clock::duration>(
                             std::chrono::duration<double>(options.seconds))
                       : wall_clock::time_point::max();
  auto& shared = share_progress();
  for (unsigned k = 0; k < processes; ++k)
    if (::fork() == 0) {
      search_share(options, shared, until);
      std::_Exit(0);
    }
  bool clean = true;
  for (unsigned k = 0; k < processes; ++k) {
    int status = 0;
    ::wait(&status);
    if (WIFSIGNALED(status))
      fmt::print("a simulating process died of signal {}; its run is one of the last {} "
                 "from seed {}\n",
                 WTERMSIG(status), processes, options.first_seed + shared.next - 1);
    clean = clean && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  clean = clean && !shared.failed;
  const std::chrono::duration<double> took = wall_clock::now() - began;
  const auto done = shared.done.load();
  fmt::print("{} runs from seed {} in {:.1f} s ({:.2f} ms each): {}\n", done,
             options.first_seed, took.count(),
             took.count() * 1000 * processes
               / static_cast<double>(std::max<uint64_t>(done, 1)),
             clean ? "every invariant held" : "see above");
  return clean;
}

bool search_bites(const search_options& options) {
  fibers threads;
  bool all = true;
  for (const auto& [which, name] : seeded_fault_names) {
    if ((!options.seeded_sources && in_the_sources(which))
        || between_nodes(which) != options.cluster)
      continue;
    const auto found =
      first_failure(options.first_seed, options.runs, threads, which, options.cluster);
    all = all && found;
    fmt::print("{:30} {}\n", name,
               found ? fmt::format("run {:5}: {}", found->runs, found->what.violation)
                     : fmt::format("not found in {} runs", options.runs));
    std::fflush(stdout);
  }
  return all;
}

std::optional<bite> bite_named(std::string_view name) {
  for (const auto& [which, known] : seeded_fault_names)
    if (known == name)
      return which;
  return std::nullopt;
}

} // namespace weir::simulation
