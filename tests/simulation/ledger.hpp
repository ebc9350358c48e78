// LEDGER: what every client was told, and what therefore must be in the stores. The
// invariants are those of docs/reliability.md.
#pragma once

#include "tests/simulation/ingest.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/stores.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace weir::simulation {

class ledger {
 public:
  explicit ledger(const plan& what)
    : innocents_may_suffer_(what.blames_the_innocent()), calm_(what.calm()),
      crashes_(what.has(deed::crash)), loses_disks_(what.has(deed::wipe)),
      only_drains_(what.only_drains()) {
    for (const auto& s : what.steps)
      shared_keys_.insert(s.request.key_of);
  }

  // -- what happens
  bool has_verdict(uint32_t request) const { return entries_.at(request).verdict; }
  /// `growing`: only the records that it grows from are sent.
  void begins(const request_plan& request, bool growing);
  void cut(uint32_t request, const batch_key& key, uint64_t record_base,
           uint32_t records);
  void told(uint32_t request, const answer& what, const sink_contents& sink);
  /// The client will never hear: it hung up, or the process is gone.
  void unheard(uint32_t request) { entries_.at(request).maybe = true; }
  /// `marked`: the worker's mark says so.
  void worker_met(uint64_t record, bool marked) {
    ++meetings_[record];
    all_marked_ = all_marked_ && marked;
  }

  // -- at rest; empty: all is well
  std::string check(const sink_contents& sink, const letter_contents& letters) const;
  /// What must be in the dead letters is there.
  bool letters_complete(const letter_contents& letters) const;
  /// No record was tried more than `tries_max` times per try of its client, where nothing
  /// but records kills workers and their marks are right.
  std::string check_tries(uint32_t tries_max) const;
  const std::string& complaint() const noexcept { return complaint_; }

 private:
  struct entry {
    request_plan plan;
    bool maybe = false;   ///< some try has an outcome that nobody was told
    bool verdict = false; ///< some try was told its verdict: 2xx, or 422 for all
    uint64_t durable_records = 0;
    uint32_t tries = 0;
    /// Not 0: its key stands for its first records, and no more of it may be stored.
    uint64_t grew_from = 0;
  };
  struct chunk {
    uint32_t request = 0;
    uint64_t base = 0;
    uint32_t records = 0;
  };
  /// How often each record is where.
  struct whereabouts {
    std::map<uint64_t, int> rows, quarantined;
  };

  void complain(std::string text) {
    if (complaint_.empty())
      complaint_ = std::move(text);
  }
  void check_counts(const entry& e, const answer& what);
  static whereabouts find_records(const sink_contents& sink,
                                  const letter_contents& letters);
  std::string check_rows(const sink_contents& sink) const;
  std::string check_request(const entry& e, const whereabouts& found) const;
  std::string check_chunks(const sink_contents& sink,
                           const letter_contents& letters) const;

  bool innocents_may_suffer_;
  bool calm_;        ///< the plan is
  bool crashes_;     ///< actors crash by plan
  bool loses_disks_; ///< then only what was acknowledged as `stored` must outlive that
  bool only_drains_; ///< no client may hear of that
  bool all_marked_ = true;
  std::set<uint32_t>
    shared_keys_; ///< requests whose key others use for bodies of their own
  std::map<uint32_t, entry> entries_;
  std::map<batch_key, chunk> chunks_;
  std::map<uint64_t, uint32_t> meetings_;
  std::string complaint_;
};

} // namespace weir::simulation
