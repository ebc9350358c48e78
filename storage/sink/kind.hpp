// SINK KIND: what the rest of weir asks of a kind of sink. A kind is a room of storage/sinks/ that
// defines one of these, and a line in storage/open_sink.cpp; nobody else knows its name.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "storage/sink/sink.hpp"
#include "storage/sqlite/schema.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// Where a sink's own files are, and so what keeps a second process away from them.
enum class sink_place : uint8_t {
  file,      ///< `sink.path` is a database
  directory, ///< `sink.path` is a directory that belongs to the sink
  server,    ///< nothing of it is on this disk, and other nodes may use it too
};

/// What brought a store up to date.
struct sink_migration {
  std::vector<std::string> applied; ///< one line each; empty: nothing was to do
  std::string now;                  ///< where it is and its version, in one line
};

struct sink_kind {
  std::string_view name{};    ///< `sink.kind`
  std::string_view meaning{}; ///< with an article, for docs/config.md
  sink_place place = sink_place::directory;
  /// `sink.path` below data_dir when none is given; empty: it has none.
  std::string_view default_path{};
  /// `sink.rows_per_transaction: auto`.
  uint32_t rows_per_transaction = 20'000;
  /// How often the bytes of one transaction are in memory.
  uint32_t copies = 2;
  /// It wants a commit at least this often, also without records; 0: it does not.
  std::chrono::milliseconds idle_commit{0};

  result<std::unique_ptr<sink>> (*open)(const sink_config&,
                                        const clock_source&) = nullptr;
  result<std::unique_ptr<sink>> (*open_read_only)(const sink_config&) = nullptr;

  // -- what not every kind has
  /// What its database with the cursor is; a sink on a server has none of its own.
  const sqlite::schema& (*state_schema)() = nullptr;
  /// Calls `wrong` with a key of the section and what is wrong with it.
  void (*check)(const sink_config&,
                const std::function<void(std::string_view, std::string)>& wrong) =
    nullptr;
  /// Connects and looks at what is there, and makes it where that is configured and `may_make`.
  /// Says in one line what it found.
  result<std::string> (*probe)(const sink_config&, bool may_make) = nullptr;
  result<sink_migration> (*migrate)(const sink_config&, const clock_source&) = nullptr;
  /// For the plan of `weir check`; by default its name and path.
  std::string (*describe)(const sink_config&) = nullptr;

  bool is_server() const noexcept { return place == sink_place::server; }
};

/// The database that says how far a local sink of this kind has come.
std::string state_path(const sink_kind& kind, const sink_config& config);

} // namespace weir
