// BODY READER: makes batches of a body that arrives in pieces. It undoes chunked coding and
// compression, finds the records, and cuts between them. It knows no socket; one per
// request; one thread; memory is bounded by one batch, one record and one piece.
//
// A batch ends before the record that would take it over batch_bytes or batch_records, so
// under the same settings the cuts depend on the body's bytes and never on how they arrived.
// A batch's bytes count from the first byte of its first record (in the first batch: of the
// body) to the end of its last record. Each CSV row becomes a JSON object with the names of
// all columns: where the names outweigh the rows, half of that JSON counts instead.
#pragma once

#include "base/result.hpp"
#include "proto/batch.hpp"
#include "proto/body_hash.hpp"
#include "records/chunked.hpp"
#include "records/formats/framer.hpp"
#include "records/inflate.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir {

struct body_terms {
  std::optional<body_format> format; ///< empty: sniffed from the first 4 KiB
  bool said_to_be_form = false;      ///< without a format: a form is then refused
  std::optional<uint64_t> length;    ///< empty: chunked
  std::string coding;                ///< for make_inflater
  inflate_limits inflate;
  framing_limits framing;
  uint64_t body_bytes_max = 0;
  size_t batch_bytes = 0;
  uint32_t batch_records = 0;
  bool keyed = false; ///< cuts get their fingerprint
};

/// What rows of `bytes` bytes count if their JSON has `names` bytes of names.
constexpr size_t body_weight(size_t bytes, size_t names) noexcept {
  return names > bytes ? bytes / 2 + names / 2 : bytes;
}
/// Bytes of the names in the JSON of one row.
size_t names_of_a_row(const csv_header* header) noexcept;

/// One batch's worth of records. `bytes` has text_padding of capacity after its size.
struct body_cut {
  std::string bytes;
  std::vector<record_ref> records; ///< part 0; record and line relative to the bases
  uint32_t chunk = 0;              ///< from 0
  uint64_t record_base = 0;
  uint64_t line_base = 0;
  body_format format = body_format::ndjson;
  std::shared_ptr<const csv_header> header;
  size_t weight = 0; ///< body_weight() of all records
  /// For a keyed body: closed_fingerprint() of the body up to this cut's end.
  uint64_t fingerprint = 0;
  /// For a keyed body: the hash of what comes before `bytes`; empty: nothing does.
  std::optional<body_hash> before;
};

class body_reader {
 public:
  /// Fails with unsupported_media_type for an unknown coding.
  static result<std::unique_ptr<body_reader>> make(body_terms terms);
  /// The format of a body without a type, from its first 4 KiB. Fails with
  /// unsupported_media_type for a form that was `said_to_be_form`.
  static result<body_format> sniffed(std::string_view body, char csv_delimiter,
                                     bool said_to_be_form);

  /// more: give it bytes. cut: take(), then go on. end: take() the last batch; it is the
  /// whole body if its chunk is 0. memory: the decoder needs memory_wanted() bytes in all;
  /// allow_memory(), then go on. Fails with malformed_body or body_too_large; nothing
  /// can be taken then.
  enum class step : uint8_t { more, memory, cut, end };
  result<step> next();

  /// True if bytes can be read straight to where they stay: an uncoded body of known length.
  bool direct() const noexcept { return !chunked_ && !inflater_; }
  /// direct() only, after `more`: room for the next bytes, valid until the next call.
  std::span<char> prepare();
  void commit(size_t bytes) noexcept;

  /// Takes bytes from the front of `bytes`, never beyond the body's end, and returns how many.
  result<size_t> feed(std::string_view bytes);
  /// How many bytes are still to come, if known.
  std::optional<uint64_t> remaining() const noexcept;
  bool transferred() const noexcept { return transferred_; }

  body_cut take();

  size_t memory_wanted() const noexcept { return inflater_ ? inflater_->wants() : 0; }
  void allow_memory(size_t bytes) noexcept { inflater_->allow(bytes); }
  /// Bytes of text that are here and in no batch yet.
  size_t text_bytes() const noexcept { return filled_; }

 private:
  explicit body_reader(body_terms terms, std::unique_ptr<inflater> inflating);

  result<void> receive(std::string_view bytes, size_t& used);
  result<bool> inflate_some();
  result<bool> sniff_format(bool last);
  bool reads_as_text_instead();
  result<void> scan(bool last);
  result<step> finish();
  void find_cut(size_t first_new);
  result<void> check_sizes() const;
  void reserve_text(size_t leftover);
  void reserve_records();
  std::string_view text() const noexcept { return {text_.data(), filled_}; }
  void begin_next(std::string_view all, std::vector<record_ref>& rest);
  void hash_cut(body_cut& out, std::string_view bytes);

  body_terms terms_;
  std::unique_ptr<inflater> inflater_;
  std::optional<chunked_decoder> chunked_;
  std::optional<framer> framer_; ///< once the format is known
  body_format format_ = body_format::ndjson;
  /// The format was sniffed and may be wrong: see reads_as_text_instead().
  bool is_guess_ = false;

  std::string coded_;     ///< transferred, not yet inflated
  size_t coded_used_ = 0; ///< bytes of coded_ already inflated
  bool inflater_holds_text_ = false;
  std::string text_;   ///< from the open batch's first byte on, and room after it
  size_t filled_ = 0;  ///< bytes of text_ in use; the room is zeroed once, not per read
  size_t rebased_ = 0; ///< where in text_ the framer's offset 0 is
  std::vector<record_ref> records_;
  size_t row_names_ = 0; ///< names_of_a_row()
  size_t cut_ = 0;       ///< records of the batch to be taken; 0: no cut yet
  bool text_is_scanned_ = false;
  bool transferred_ = false;
  bool ended_ = false;
  uint64_t received_ = 0; ///< bytes of the body as sent, without chunk framing
  uint64_t inflated_ = 0;
  uint32_t chunk_ = 0;
  /// The hash of the text before text_; for keyed bodies, from chunk 1 on.
  std::optional<body_hash> hash_;
  uint64_t record_base_ = 0;
  uint64_t line_base_ = 0;
};

} // namespace weir
