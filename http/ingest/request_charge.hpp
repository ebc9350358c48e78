// REQUEST CHARGE: what one request holds of the budget, from its first claim to its last batch.
//
//   for the batch being made  bytes and batch credit; they go with the batch, and come back with
//                             its receipt
//   for the reader            its buffers, its decoder and text of the next batch, for as long as
//                             the reader lives
//
// A request that holds something never waits for more, for others may wait for what it holds: all
// functions but first_claim() and next_claim(), whose claims their caller waits for, succeed or
// fail at once. What is held at the end is given back.
#pragma once

#include "http/ingest/admission.hpp"
#include "http/ingest/ingest_settings.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace weir {

struct ingest_terms;

class request_charge {
 public:
  /// All of them outlive it.
  request_charge(admission& gate, const ingest_config& config, const ingest_terms& terms)
    : gate_(&gate), config_(&config), terms_(&terms) {}
  ~request_charge() { return_all(); }
  request_charge(request_charge&& other) noexcept;
  request_charge& operator=(request_charge&&) = delete;

  // -- claims that may wait
  /// Before a byte of the body is read.
  claim first_claim() noexcept;
  /// For a further batch, and `decoder` bytes more for the reader.
  claim next_claim(size_t decoder = 0) noexcept;
  /// The claim made last is ours.
  void granted(const claim& what) noexcept;

  // -- more at once, or false
  /// A small body that is not all here is cut by a reader, whose list of records may be longer
  /// than the body.
  bool cover_reader();
  bool cover_decoder(size_t more);
  /// The batch was charged for its length; its rows and records may weigh more.
  bool cover_batch(size_t weight, size_t records, gathered as);
  /// A batch of `records` goes; `text` bytes of the next one are here and stay. What the batch does
  /// not need pays for them, which is nearly always enough.
  bool keep_text(size_t text, size_t weight, size_t records);
  /// All batches are settled, but what is to be said of them stays for a while.
  bool cover_answer(size_t bytes);

  // -- less
  /// A body of unknown length was charged for a whole batch; now it is known to be less.
  void return_surplus(size_t weight, size_t records, bool small);
  void return_batch();
  void return_reader();
  /// Goes with the batch.
  claim take_batch() noexcept { return std::exchange(batch_, {}); }

  /// How a body of this weight is gathered. One whose stream splits records is not: what they
  /// become is charged to their request, and must not be in the way of another's.
  gathered gathers(uint64_t weight) const noexcept;
  size_t for_reader() const noexcept { return reader_; }
  /// The part of it that the decoder may use.
  size_t for_decoder() const noexcept { return decoder_; }

 private:
  bool at_once(const claim& more);
  size_t charge_of(size_t weight, size_t records) const noexcept;
  void return_all() noexcept;

  admission* gate_;
  const ingest_config* config_;
  const ingest_terms* terms_;
  claim batch_;
  size_t reader_ = 0;
  size_t decoder_ = 0;
  size_t claimed_for_reader_ = 0; ///< bytes of the claim made last, not granted yet
};

} // namespace weir
