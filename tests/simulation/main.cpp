// weir_simulate: runs the simulation from the command line; ./dev simulate calls it.
#include "tests/simulation/search.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <random>

namespace sim = weir::simulation;

int main(int argc, char** argv) {
  CLI::App app{"Runs the whole node against simulated disk, clock, sink and clients."};
  sim::search_options options;
#ifdef WEIR_SEEDED_SOURCES
  options.seeded_sources = true;
#endif
  uint64_t seed = 0;
  std::string bite;
  auto* one = app.add_option("--seed", seed, "Replay one run and print its trace");
  app.add_option("--runs", options.runs, "Search this many runs");
  app.add_option("--seconds", options.seconds, "Search for so long");
  app.add_option("--from", options.first_seed, "First seed; by default a random one");
  app.add_option("--jobs", options.processes, "Processes");
  app.add_flag("--cluster", options.cluster, "Several nodes and their links");
  app.add_flag("--go-on", options.go_on, "Name every failing seed");
  app.add_flag("--short", options.shorten, "With --seed: cut the plan of a failing run");
  app.add_option("--seeded-fault", bite, "Switch on a seeded fault");
  bool all_bites = false;
  app.add_flag("--bite", all_bites, "Show that each seeded fault is found");
  CLI11_PARSE(app, argc, argv);
  if (!bite.empty()) {
    const auto found = sim::bite_named(bite);
    if (!found) {
      fmt::print(stderr, "no seeded fault is called {}\n", bite);
      return 2;
    }
    options.mistake = *found;
  }
  if (options.first_seed == 0)
    options.first_seed = std::random_device{}() % 1'000'000'000 + 1;
  if (all_bites)
    return sim::search_bites(options) ? 0 : 1;
  if (*one)
    return sim::replay(seed, options) ? 0 : 1;
  return sim::search(options) ? 0 : 1;
}
