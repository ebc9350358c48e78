// SEARCH: many runs, one run again, and the shortest form of a run that fails.
#pragma once

#include "tests/simulation/world.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::simulation {

struct search_options {
  uint64_t runs = 1000;
  double seconds = 0; ///< not 0: for so long, whatever `runs` says
  uint64_t first_seed = 0;
  unsigned processes = 0; ///< 0: one a core
  bool shorten = false;
  bool go_on = false;   ///< after a failing run too; such runs are only named
  bool cluster = false; ///< several nodes
  bite mistake = bite::none;
  bool seeded_sources = false; ///< this program has them
};

/// Cuts steps out of a plan that fails for as long as it still fails for the same
/// invariant.
plan shorten(plan failing, fibers& threads, bite mistake = bite::none);

plan draw(uint64_t seed, bool cluster);

/// Runs one seed, printing what happens; true: all invariants held.
bool replay(uint64_t seed, const search_options& options);

/// Runs `runs` seeds over all cores; prints the first failing one and its shortest plan.
/// True: none failed.
bool search(const search_options& options);

/// Looks for every seeded fault; prints after how many runs it was found. True: all were.
bool search_bites(const search_options& options);

/// The first of `runs` seeds that fails.
struct finding {
  uint64_t seed = 0;
  uint64_t runs = 0; ///< until then, itself included
  outcome what;
};
std::optional<finding> first_failure(uint64_t first_seed, uint64_t runs, fibers& threads,
                                     bite mistake = bite::none, bool cluster = false);

std::optional<bite> bite_named(std::string_view name);

} // namespace weir::simulation
