// OUTSTANDING: the batches an I/O thread has handed to the pipeline and owns until their
// receipt. Counts records in and out, so that received = accepted + duplicate + rejected
// + dropped + failed + in flight holds after every call. One per I/O thread, used only
// there.
//
//   Bounded:   by admission: every entry holds a claim (small requests claim only
//              bytes). Requests that wait for the sink: by the open requests.
//   Failure:   a stage that comes back gets every entry again (resubmit). From then on
//              two copies may be under way, so a refusal of one does not decide the
//              batch's fate: the other may be stored. The batch is submitted again at
//              each tick until a copy gets through to the journal's keys. So is a batch
//              of a streamed request whose turn has not come (out_of_turn), until its
//              deadline or a failure of the request. An entry without a receipt for
//              `abandon_after` is given up and counted as failed.
#pragma once

#include "http/ingest/admission.hpp"
#include "http/ingest/ingest_request.hpp"
#include "http/ingest/ingest_settings.hpp"
#include "http/ingest/sink_waiters.hpp"
#include "proto/batch.hpp"
#include "proto/telemetry.hpp"

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <vector>

namespace weir {

/// What becomes of records: the terms of the balance at the head of this file. `received` counts
/// those of admitted requests only.
struct record_metrics {
  telemetry& in;
  counter& received =
    in.counter({"weir_records_received_total", "Records of admitted requests.",
                "Records of admitted requests. At rest it is the sum of accepted, "
                "duplicate, dropped, failed, rejected and in flight."});
  counter& accepted =
    in.counter({"weir_records_accepted_total", "Records made durable in the journal."});
  counter& duplicate =
    in.counter({"weir_records_duplicate_total",
                "Records of repeated requests that were stored before."});
  counter& dropped =
    in.counter({"weir_records_dropped_total", "Records removed by a drop or sample step.",
                "Records removed by a `drop` or `sample` step."});
  counter& failed =
    in.counter({"weir_records_failed_total",
                "Records admitted and then refused with all of their batch: 503, a key "
                "that was reused (422), or too large for the journal (413)."});
  /// By `reject`; quarantined included.
  std::array<counter*, reject_codes> rejected = by_reason(in);
  gauge& in_flight =
    in.gauge({"weir_records_in_flight", "Records admitted and not answered yet."});

  uint64_t all_rejected() const noexcept;

 private:
  static std::array<counter*, reject_codes> by_reason(telemetry& in);
};

/// Which chunk of which request a part of a batch is.
struct part_owner {
  std::shared_ptr<ingest_request> request;
  uint32_t chunk = 0;
  bool last = true;   ///< the body ends with it
  uint32_t begin = 0; ///< offset of its text in the envelope's
};

/// A batch about to be sent. `arrived` has stream, level, bytes and parts; submit() fills in
/// the rest.
struct submission {
  std::shared_ptr<envelope> arrived;
  std::vector<record_ref> records;
  std::vector<part_owner> owners; ///< one per part
  claim charged;
  size_t weight = 0; ///< the bodies' weight, if it was gathered
  gathered by = gathered::no;
  /// When it was begun, if it was gathered: it has waited since.
  std::chrono::steady_clock::time_point begun{};
};

class outstanding {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  struct options {
    std::chrono::milliseconds request_timeout;
    std::chrono::milliseconds abandon_after;
    std::weak_ptr<receipt_port> origin;
    std::atomic<size_t>* total = nullptr; ///< over all threads; may be null
    /// A batch of small requests in flight for longer stops holding up others; 0: never.
    std::chrono::milliseconds hold_up_max{0};
  };

  outstanding(ingest_context context, admission& gate, options opts)
    : context_(context), gate_(gate), opts_(std::move(opts)), metrics_{context.metrics} {}

  /// False when the first stage is away: the owners have failed with stage_away, the
  /// claim is back, nothing was counted as received.
  bool submit(submission s);

  /// What a receipt meant: unknown when it decided nothing.
  enum class fate : uint8_t { unknown, settled };
  fate receive(const batch_receipt& receipt);
  /// Which coalescer made the batch that receive() would end.
  gathered ends(const batch_receipt& receipt) noexcept;
  void stored(uint64_t sequence);
  void resubmit();
  /// At every tick: submits undecided batches again, gives up those that are too old, and
  /// excuses slow ones. Returns which coalescer made each batch that no longer counts.
  std::vector<gathered> expire(time_point now);

  /// Tells the request, all of which must be durable, when the sink has its last record.
  void await_sink(const std::shared_ptr<ingest_request>& request);

  size_t size() const noexcept { return entries_.size(); }
  /// Requests whose answer waits for the sink.
  size_t awaiting_sink() const noexcept { return awaiting_sink_.size(); }

 private:
  struct entry {
    batch_ptr batch;
    std::vector<part_owner> owners;
    claim charged;
    time_point begun; ///< when it was begun, or sent if it was not gathered
    time_point sent;
    uint32_t beside = 0; ///< batches in flight when it was sent, itself included
    gathered by = gathered::no;
    bool undecided = false; ///< a copy was refused
    bool excused = false;   ///< it took its credit after it was sent
  };

  /// True if the receipt does not decide the batch's fate.
  bool undecided(const entry& e, const batch_receipt& receipt) const noexcept;
  bool may_come_again(const entry& e, const batch_receipt& receipt) const noexcept;
  bool submit_again(entry& e);
  void refuse_hopeless(std::vector<gathered>& free);
  std::map<uint64_t, entry>::iterator find(const batch_receipt& receipt) noexcept;
  void give_up_oldest(std::vector<gathered>& free);
  void excuse_slow(time_point now, std::vector<gathered>& free);
  void refuse(submission& s);
  void settle_part(const entry& e, size_t index, const batch_receipt& receipt);
  void recall(const entry& e, size_t index, const stored_prefix& known);
  void account(const batch_part& part, const part_receipt& receipt,
               const std::vector<rejection>& rejections);
  void close(const entry& e);

  ingest_context context_;
  admission& gate_;
  options opts_;
  record_metrics metrics_;
  std::map<uint64_t, entry> entries_; ///< by batch id, which grows: the oldest first
  sink_waiters awaiting_sink_;
  uint64_t stored_ = 0;
};

} // namespace weir
