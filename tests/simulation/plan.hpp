// PLAN: one run, drawn from its seed before it begins: the shape of the node, and a list
// of what clients do and what breaks. The list can be cut, which is how a failing run is
// made short; what is left keeps its meaning, because nothing in it counts others.
#pragma once

#include "proto/batch.hpp"
#include "proto/link.hpp"
#include "tests/simulation/chance.hpp"
#include "tests/simulation/trace.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::simulation {

enum class record_kind : uint8_t { good, refused, dropped, crashes, hangs };

/// One request as its client means it, however often it is sent.
struct request_plan {
  uint32_t number = 0;  ///< from 1, unique in the run
  bool checked = false; ///< stream `checked` (schema, steps, dead letters), else `plain`
  bool keyed = false;
  uint32_t key_of = 0; ///< not 0: uses the key of that request for its own body
  ack_level ack = ack_level::durable;
  priority level = priority::normal;
  bool as_array = false; ///< one JSON array, else NDJSON
  std::vector<record_kind> records;
  uint32_t padding = 0;          ///< bytes added to each record
  uint32_t pieces = 1;           ///< the body comes in so many
  duration between_pieces{0};    ///< the client's pause
  duration patience{60'000'000}; ///< then it hangs up and tries again
  duration leaves_after{-1};     ///< ≥ 0: it hangs up this long after it began, once
  uint32_t tries_max = 8;
  uint32_t repeats = 0; ///< keyed: so many times again although it was told 2xx
  /// Not 0, keyed: the file has grown. First only so many records are sent, until they have their
  /// verdict; then all of them, with the same key.
  uint32_t grows_from = 0;
};

enum class deed : uint8_t {
  send,      ///< a client begins a request
  crash,     ///< one or two actors throw
  kill,      ///< the process is gone; power too, unless `loses` is process
  terminate, ///< SIGTERM
  disk,      ///< the journal's disk misbehaves
  sink,      ///< the sink does
  letters,   ///< the dead letter store does
  wall,      ///< the operator sets the clock
  reload,    ///< other rules for the streams, or again the first ones
  // -- of a cluster
  pause,     ///< a node stands still for `lasts`
  lose_link, ///< between two nodes
  cut_off,   ///< a node from another, or from all, for `lasts`
  wipe,      ///< a node is killed, its disk is lost; it comes back after `lasts`
  settle,    ///< everything is mended, all is waited for, the invariants are checked
};

/// What a power loss does to what was not synced.
enum class power_loss : uint8_t {
  process,  ///< nothing: only the process died
  rollback, ///< all of it is gone
  torn,     ///< all of it, but a part of the last write
  sectors,  ///< each sector and each name by a coin of its own
};

enum class disk_fault : uint8_t {
  failed_sync, ///< the `count`th from now, once
  failed_write,
  failed_directory_sync,
  failed_create,
  full,      ///< for `lasts`: no byte more than now
  no_space,  ///< for `lasts`: every write finds none, preallocated or not
  dead,      ///< for `lasts`: every change fails
  slow,      ///< for `lasts`: a sync takes `takes`
  last_gasp, ///< the `count`th change from now and all later ones fail, then power goes
};

enum class store_fault : uint8_t {
  away,     ///< for `lasts`: opening and commits fail
  slow,     ///< for `lasts`: a commit takes `takes`
  doubtful, ///< the next commit is done, but its answer is a failure
};

struct step {
  deed what = deed::settle;
  duration gap{0}; ///< after the step before
  request_plan request;
  std::string path, second_path; ///< crash: of the tree; the second may be empty
  power_loss loses = power_loss::process;
  disk_fault disk = disk_fault::failed_sync;
  store_fault store = store_fault::away;
  uint32_t count = 0;
  duration lasts{0};
  duration takes{0};
  duration shift{0}; ///< how far the wall clock jumps
  size_t node = 0;   ///< whom it befalls
  size_t other = 0;  ///< and whom it parts that one from; itself: from all
};

/// One node of a cluster.
struct node_plan {
  std::string name;
  node_roles roles;
};

/// How the next actor to run is chosen.
enum class ordering : uint8_t {
  fair,   ///< first come, first served
  random, ///< any
  unfair, ///< some actors only when no other can run; which ones changes now and then
};

struct plan {
  uint64_t seed = 0;
  ordering order = ordering::random;
  uint32_t workers = 2;
  uint32_t io_threads = 1;
  uint32_t batch_bytes = 4096;
  uint32_t batch_records = 8;
  bool recut = false; ///< each life of the node cuts bodies elsewhere
  uint32_t coalesce_bytes = 1024;
  uint32_t segments_max = 4; ///< each has 64 KiB
  uint32_t group_bytes = 8192;
  uint32_t queue_batches = 32;
  uint32_t fuse_bytes = 0;
  uint32_t rows_per_transaction = 16;
  uint32_t budget_bytes = 1 << 20;
  duration work_deadline{1'000'000};
  duration request_timeout{10'000'000};
  duration disk_latency{0}; ///< each sync takes it; 0: it never lets go of the processor
  // -- of a cluster
  std::vector<node_plan> nodes; ///< empty: there is one node, which stands alone
  link_window window{32, 1 << 20};
  duration delay_min{100}; ///< a link's, one way
  duration delay_max{1'000};
  duration hiccup{0}; ///< so long at most a frame lies somewhere now and then
  std::vector<step> steps;

  bool clustered() const noexcept { return !nodes.empty(); }
  bool others_do_the_work_of(size_t node) const;
  /// Some step makes workers die that held a record which is not to blame.
  bool blames_the_innocent() const;
  /// Nothing in it is an excuse for a late answer, or for a node that gives up: records
  /// that crash workers, and a few crashes of actors.
  bool calm() const;
  bool has(deed what) const;
  /// Nothing happens but that nodes are told to end, one at a time, none of them a gateway,
  /// and each with another that does the same work: no client may notice.
  bool only_drains() const;
};

/// In a third of the runs no batch is fused, in a third the small ones, else all.
constexpr uint32_t fuse_bytes_of(uint64_t seed) noexcept {
  constexpr uint32_t each[] = {0, 700, 65'536};
  return each[seed % 3];
}

/// Records of a batch in a node's `life`.
constexpr uint32_t batch_records_of(const plan& shape, uint64_t life) noexcept {
  constexpr uint32_t other[] = {3, 8, 5, 100, 7};
  return shape.recut ? other[(shape.seed + life) % 5] : shape.batch_records;
}

plan draw_plan(uint64_t seed);
/// Draws several nodes, and what happens between them.
plan draw_cluster_plan(uint64_t seed);

/// One line a step, as a person reads it.
std::string describe(const plan& what);
std::string describe(const step& what, const plan& of);

} // namespace weir::simulation
