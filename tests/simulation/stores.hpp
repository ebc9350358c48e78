// STORES: a transactional sink and a dead letter store in memory. What was committed
// survives every crash; a handle belongs to one life of a process.
#pragma once

#include "storage/dead_letters.hpp"
#include "storage/sink/sink.hpp"
#include "tests/simulation/life.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace weir::simulation {

struct stored_row {
  uint64_t journal = 0; ///< it came from
  uint64_t sequence = 0;
  std::string stream;
  batch_key batch;
  std::string body;
};

/// How a store is at the moment.
struct store_mood {
  bool away = false;
  bool doubtful = false; ///< the next commit is done and answered with a failure
  duration slow{0};      ///< each commit takes it
};

/// What survives of the sink. A shared one is the model of PostgreSQL: every journal has a
/// cursor of its own, and a batch's key is claimed in the transaction that stores it.
struct sink_contents {
  struct journal_share {
    sink_cursor cursor;
    std::vector<remembered_key> keys;
  };
  bool shared = false;
  std::map<uint64_t, journal_share> journals; ///< by identity
  std::set<batch_key> claimed;
  std::vector<stored_row> rows;
  store_mood mood;
};

struct stored_letter {
  std::string stream;
  batch_key batch;
  uint32_t record = 0;
  reject code = reject::quarantined;
  std::string body;
};

struct letter_contents {
  journal_position cursor;
  std::vector<stored_letter> letters;
  store_mood mood;
};

/// What a handle works with; all of it outlives the handle.
struct store_context {
  life& owner;
  trace& log;
};

result<std::unique_ptr<sink>>
open_simulated_sink(sink_contents& contents, uint64_t journal, store_context context);
result<std::unique_ptr<dead_letter_store>>
open_simulated_letters(letter_contents& contents, store_context context);

} // namespace weir::simulation
