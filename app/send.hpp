// SEND: posts the requests of a file one after another, waits when the node says so, and
// adds up what became of the records. The network, the clock and the terminal come from
// outside.
#pragma once

#include "app/patient_post.hpp"
#include "app/progress.hpp"
#include "app/send_cut.hpp"

#include <functional>
#include <iosfwd>
#include <string>

namespace weir {

struct send_terms {
  std::string stream = "default";
  std::string key; ///< request n has the Idempotency-Key `<key>-<n>`
  uint32_t rejected_shown_max = 20;
};

struct send_totals {
  uint64_t requests = 0;
  uint64_t records = 0;  ///< sent
  uint64_t accepted = 0; ///< durable, or as the stream's `ack` says
  uint64_t rejected = 0; ///< quarantined included
  uint64_t dropped = 0;  ///< by a drop or sample step
  uint64_t repeated = 0; ///< accepted, but stored by an earlier run with the same key
  uint64_t failed = 0;   ///< in requests of which nothing is known to be stored
  uint64_t retries = 0;
  std::string stopped; ///< why the rest of the file was not sent; empty: all was
  bool all_stored() const noexcept {
    return rejected == 0 && failed == 0 && stopped.empty();
  }
};

class sender {
 public:
  /// The references outlive the sender; its waits are shown on the line. Rejected records
  /// and failures are printed to `out`.
  sender(send_terms terms, patient_post& post, progress_line& progress,
         std::ostream& out);

  /// Sends every request `cutter` gives. `bytes_total` is the file's size when it is
  /// known.
  send_totals run(request_cutter& cutter, std::optional<uint64_t> bytes_total);

 private:
  result<http_answer> post(const cut_request& request, std::string_view type);
  /// False when nothing of the rest would go through either.
  bool account(const cut_request& request, const http_answer& answer);
  bool account_verdicts(const cut_request& request, std::string_view body);
  void account_failure(const cut_request& request, std::string_view why);
  void print_rejected(uint64_t record, int64_t line, std::string_view rest);
  void show(std::string_view note, bool at_once = false);

  send_terms terms_;
  patient_post& post_;
  progress_line& progress_;
  std::ostream& out_;
  send_totals totals_;
  progress_state state_;
  uint64_t rejected_shown_ = 0;
};

/// `sent 10000 records in 3 requests: 9998 accepted, 2 rejected`
std::string summary(const send_totals& totals);

/// 32 random hex digits: the key of a run.
std::string random_run_key();

} // namespace weir
