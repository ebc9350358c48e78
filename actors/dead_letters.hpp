// DEAD LETTERS: follows the journal into the dead-letter store (actors/tail.hpp is the actor
// itself). Stretches of the journal without a dead letter are not read.
#pragma once

#include "actors/tail.hpp"
#include "proto/telemetry.hpp"
#include "storage/dead_letters.hpp"

#include <functional>
#include <memory>

namespace weir {

struct dead_letters_config {
  tail_config tail;
  std::function<result<std::unique_ptr<dead_letter_store>>()> open_store;
  telemetry* figures = nullptr; ///< outlives the actor system
};

tail_actor::behavior_type dead_letters(tail_actor::stateful_pointer<tail_state> self,
                                       dead_letters_config config);

} // namespace weir
