// SEND: posts the requests of a file one after another, waits when the node says so, and
// adds up what became of the records. The network, the clock and the terminal come from
// outside.
//
// A request of which the node refuses a part is not lost as a whole: what the answer
// counts as `durable_records` is done, the refused record is found (the answer names its
// line, or else by halving), and all others are sent as requests of their own.
#pragma once

#include "app/send/cut.hpp"
#include "app/send/patient_post.hpp"
#include "app/send/progress.hpp"

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace weir {

struct send_terms {
  std::string stream = "default";
  /// Request n has the Idempotency-Key `<key>-<n>`, a part of it
  /// `<key>-<n>.<record>+<count>`.
  std::string key;
  /// After that comes a digest of the body: then another body is never taken for this one.
  bool key_has_digest = false;
  uint32_t rejected_shown_max = 20;
  uint32_t refused_max = 1'000; ///< records refused one by one, before the run ends
  std::function<bool()> stopped = [] { return false; }; ///< somebody asked to stop
  bool finish_what_was_read = false; ///< what a pipe gave is still sent after that
};

struct send_totals {
  uint64_t requests = 0;
  uint64_t records = 0;  ///< sent
  uint64_t accepted = 0; ///< durable, or as the stream's `ack` says
  uint64_t rejected = 0; ///< quarantined included
  uint64_t dropped = 0;  ///< removed by a drop or sample step
  uint64_t repeated = 0; ///< accepted, but stored by an earlier run with the same key
  uint64_t judged = 0;   ///< stored, rejected or dropped; the answer did not say which
  uint64_t failed = 0;   ///< not stored
  uint64_t unknown = 0;  ///< sent, and nothing is known about them
  uint64_t retries = 0;
  uint64_t settled = 0;     ///< leading records of the file whose fate is known
  int64_t settled_line = 0; ///< the last line of these
  bool interrupted = false; ///< the rest was not sent because somebody asked to stop
  std::string stopped;      ///< why the rest of the file was not sent; empty: all was
  bool file_failed = false; ///< `stopped` is about the file: others may go through
  bool all_stored() const noexcept {
    return rejected == 0 && failed == 0 && unknown == 0 && stopped.empty();
  }
};

class sender {
 public:
  /// The references outlive the sender; its waits are shown on the line. Rejected records
  /// and failures are printed to `out`.
  sender(send_terms terms, patient_post& post, progress_line& progress,
         std::ostream& out);

  /// Sends every request `cutter` gives. `bytes_total` is the file's size if it is known.
  send_totals run(request_cutter& cutter, std::optional<uint64_t> bytes_total);

 private:
  /// Records of a request, by their index in it.
  struct span {
    size_t first = 0;
    size_t count = 0;
  };
  /// What became of records that are not stored.
  enum class fate : uint8_t { refused, unsent, unknown };

  bool deliver(const cut_request& whole);
  bool deliver_part(const cut_request& part, const span& at, bool is_whole,
                    std::vector<span>& left);
  static void split(const cut_request& part, size_t base, size_t done,
                    std::optional<uint64_t> line, std::vector<span>& left);
  result<http_answer> post(const cut_request& part, const span& at, bool is_whole);
  void account_verdicts(const cut_request& part, const nlohmann::json& answer);
  void account_durable(const cut_request& part, size_t done,
                       const nlohmann::json& answer);
  void account_lost(const cut_request& part, fate what, std::string_view why);
  void settle(const cut_request& part, size_t records);
  void print_rejected(const cut_request& part, const nlohmann::json& error);
  void show();

  send_terms terms_;
  patient_post& post_;
  progress_line& progress_;
  std::ostream& out_;
  send_totals totals_;
  progress_state state_;
  uint64_t rejected_shown_ = 0;
  uint64_t refused_ = 0;
  bool gap_ = false; ///< an earlier record has no known fate
};

/// `sent 10000 records in 3 requests: 9998 accepted, 2 rejected`
std::string summary(const send_totals& totals);

/// 32 random hex digits: the key of a run.
std::string random_run_key();

} // namespace weir
