// MUTANT: the switch of the edits in tests/mutants/*.txt, read once from the environment. Only the
// sources that edits.py writes include this; the product has no trace of it.
//
//   WEIR_MUTANT=cluster.pieces_may_touch   this edit is active; without it none is
//   WEIR_MUTANTS_REACHED=FILE              each edit's switch that is asked is remembered, and
//                                          tests/mutants/reached.cpp writes them down
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace weir {

struct mutant_switch {
  static constexpr size_t slots = 4096; ///< more than there are edits

  uint64_t active = 0;
  bool recording = false;
  std::array<std::atomic<uint64_t>, slots> reached{};

  mutant_switch() noexcept {
    if (const char* name = std::getenv("WEIR_MUTANT")) {
      active = 0xcbf29ce484222325ULL; // FNV-1a, as in edits.py
      for (; *name != '\0'; ++name)
        active = (active ^ static_cast<unsigned char>(*name)) * 0x100000001b3ULL;
    }
    recording = std::getenv("WEIR_MUTANTS_REACHED") != nullptr;
  }
  void note(uint64_t code) noexcept {
    for (size_t i = code % slots;; i = (i + 1) % slots) {
      uint64_t there = reached[i].load(std::memory_order_relaxed);
      if (there == code
          || (there == 0 && reached[i].compare_exchange_strong(there, code)))
        return;
    }
  }
};

/// It is never destroyed: threads may ask while the process ends.
inline mutant_switch& the_mutant_switch() noexcept {
  static auto* one = new mutant_switch;
  return *one;
}

inline bool mutant(uint64_t code) noexcept {
  auto& one = the_mutant_switch();
  if (one.recording)
    one.note(code);
  return one.active == code;
}

} // namespace weir
