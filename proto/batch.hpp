// The unit of flow. An `envelope` is what arrived and never changes: the bytes, their
// owner, and how they must be answered. A `record_batch` says how far the work on it has
// come: which records still stand and where their text is, and which were rejected and
// why. Both travel by shared_ptr, are immutable once sent, and are owned by the gateway
// until the batch's receipt.
//
//   gateway: frames the body, fills `envelope` and one record_ref per record
//   validate: checks each record; the text becomes one JSON object per record
//   transform: runs the stream's steps on each object
//   persist: one journal frame per part that has records (or dead letters) left
#pragma once

#include "base/codes.hpp"
#include "proto/part_counts.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// How a body is divided and what its records are; each row of body_formats.def is one.
enum class body_format : uint8_t {
#define WEIR_BODY_FORMAT(name, number, records) name = number,
#include "proto/body_formats.def"
#undef WEIR_BODY_FORMAT
};
/// The format that a batch has whose records were found in a body of format `whole`.
body_format framed_as(body_format whole) noexcept;
/// True if a batch may have that format. A peer may have sent any number.
bool is_of_records(body_format format) noexcept;

enum class priority : uint8_t { low, normal, high };
enum class ack_level : uint8_t { accepted, durable, stored };

std::string_view to_string(priority level) noexcept;
std::string_view to_string(ack_level level) noexcept;

/// Identity of one part for deduplication: from the Idempotency-Key if the client sent one, else
/// random and unique. Parts of a streamed body have different keys.
struct batch_key {
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const batch_key&) const = default;
};

/// 32 lower-case hex digits: the `batch` member of an answer.
std::string to_hex(const batch_key& key);

/// The key of a request and of the first batch of its body: the first 128 bits of SHA-256 over
/// (stream, tenant, key, 32 bits of zero), each text length-prefixed. `tenant` is the API key's
/// name or empty, so one client can't collide with another's keys.
batch_key make_batch_key(std::string_view stream, std::string_view tenant,
                         std::string_view idempotency_key);

/// The key of the batch that begins with record number `record_base` of a keyed body;
/// `first` is the key of the request. So the batches of a body form a chain: whoever has
/// the first key and the number of records in each batch can follow it, because each
/// batch begins where the one before ends, whatever settings cut the body.
batch_key continued_key(const batch_key& first, uint64_t record_base);

/// 128 bits from the kernel; throws std::system_error when it has none.
batch_key random_batch_key();

/// 64 bits of SHA-256 over a body: tells a repeated request from a reused key.
uint64_t body_fingerprint(std::string_view body);

/// The fingerprint of a part after which its body goes on; `closed` is the fingerprint if
/// the body ended there. A bijection, so that both are equally hard to meet by chance.
constexpr uint64_t open_fingerprint(uint64_t closed) noexcept {
  return closed * 0x9e3779b97f4a7c15ULL + 0x6a09e667f3bcc909ULL;
}

/// Readable bytes that must follow any text handed to simdjson (its SIMDJSON_PADDING,
/// asserted in records/). Every buffer of records keeps this much capacity after its end.
inline constexpr size_t text_padding = 64;

/// Where the names of a CSV body's columns come from.
enum class csv_names : uint8_t {
  required, ///< its first row, which has each once and none empty
  mended,   ///< its first row; an empty or repeated name becomes column_<n>
  absent,   ///< nowhere: column_1, column_2, … as many as the first row has fields
};

struct csv_dialect {
  char delimiter = ','; ///< between fields; see is_csv_delimiter()
  csv_names names = csv_names::required;
  /// What the request's media type said about the two, 0 for nothing: an Idempotency-Key
  /// covers that too. What the stream's configuration says is not part of it, because it
  /// may change before a repetition.
  uint16_t said = 0;
  bool operator==(const csv_dialect&) const = default;
};

/// True for an ASCII byte that is in no number or word and takes no part in quoting or line ends.
bool is_csv_delimiter(char c) noexcept;
/// Reads a delimiter given literally (`;`), by name (comma, semicolon, tab, pipe, colon,
/// space, `\t`) or percent-encoded (`%3B`). Nothing if it can't be one.
std::optional<char> csv_delimiter_of(std::string_view text) noexcept;
/// The delimiter's name (`comma`, `semicolon`, …), or itself if printable, or percent-encoded.
std::string csv_delimiter_name(char delimiter);

/// What is needed to read the rows of a CSV body.
struct csv_header {
  std::vector<std::string> names; ///< unquoted and valid UTF-8, in column order
  char delimiter = ',';
  uint16_t said = 0; ///< csv_dialect::said; set by the gateway, which knows the request
  bool operator==(const csv_header&) const = default;
};

/// One request's share of a batch. A small request is one part; coalesced requests are several
/// parts of one batch; a streamed body is one part in each of several batches.
struct batch_part {
  /// If not 0, this is one of several batches of a streamed request; stages keep their
  /// order, and the journal stores each after the ones before. Unique for each request
  /// that is sent, also when it repeats another. Echoed in the receipt.
  uint64_t request = 0;
  /// For a streamed request: key.low of its first batch. All go to the same persister.
  uint64_t home = 0;
  batch_key key;
  /// The client sent an Idempotency-Key: remember it for 24 h or 1 M keys.
  bool keyed = false;
  /// If keyed: over the body's raw bytes from its first to the end of this part; see
  /// open_fingerprint() for a part that is not the last.
  uint64_t fingerprint = 0;
  body_format format = body_format::ndjson;
  ack_level ack = ack_level::durable;
  uint64_t record_base = 0; ///< records of the request in earlier batches
  uint64_t line_base = 0;   ///< lines of the request before this part's first byte
  uint32_t records = 0;     ///< records of this part as framed
  std::shared_ptr<const csv_header> header; ///< csv only
  std::string client;                       ///< peer address, for the `add` step
  std::string trace; ///< W3C traceparent or empty; nobody reads it yet
};

class receipt_port; // proto/ports.hpp

/// Set when a batch goes out a second time while the first copy is stored or may still
/// be: from then on a refusal says nothing about the batch. Never cleared. Any thread.
class copy_mark {
 public:
  copy_mark() = default;
  copy_mark(const copy_mark& other) noexcept : set_(other.is_set()) {}
  copy_mark& operator=(const copy_mark&) = delete;
  void set() noexcept { set_.store(true, std::memory_order_release); }
  bool is_set() const noexcept { return set_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> set_{false};
};

/// How many leading records of a streamed request have their final verdict, as far as the
/// owner of the batch knows. Only grows. Any thread.
class settled_mark {
 public:
  settled_mark() = default;
  settled_mark(const settled_mark& other) noexcept : records_(other.records()) {}
  settled_mark& operator=(const settled_mark&) = delete;
  void set(uint64_t records) noexcept {
    records_.store(records, std::memory_order_release);
  }
  uint64_t records() const noexcept { return records_.load(std::memory_order_acquire); }

 private:
  std::atomic<uint64_t> records_{0};
};

class catalog; // records/catalog.hpp

/// What arrived. Immutable except for the marks.
struct envelope {
  uint64_t id = 0; ///< unique in this process's life
  std::string stream;
  priority level = priority::normal;
  int64_t received_at_us = 0; ///< unix microseconds
  /// Nobody waits for the receipt after this.
  std::chrono::steady_clock::time_point deadline;
  /// The raw records of all parts, with `text_padding` of capacity after the end.
  std::string bytes;
  std::vector<batch_part> parts;
  /// Where the receipt goes; expires with the gateway.
  std::weak_ptr<receipt_port> origin;
  mutable copy_mark copied{};
  mutable settled_mark settled{}; ///< for a streamed request's batch, which has one part
  /// The rules that judge its records: those in force when their request began. Null on a
  /// node that got the batch from another node and uses its own.
  std::shared_ptr<const catalog> rules;
};

/// An envelope id that no other envelope of this process has. Any thread.
uint64_t next_envelope_id() noexcept;

/// Where one record's text is in the batch's `text`, and which record of which request it is.
struct record_ref {
  uint32_t offset = 0;
  uint32_t size = 0;
  uint32_t part = 0;   ///< index into envelope::parts
  uint32_t record = 0; ///< from 0, relative to the part's record_base
  uint32_t line = 0; ///< line of its first byte, from 0, relative to the part's line_base
};

/// One record that will not be stored, and why. Rejected records are rare: they may allocate.
struct rejection {
  uint32_t part = 0;
  uint32_t record = 0;
  uint32_t line = 0;
  reject code = reject::malformed_json;
  /// JSON pointer (RFC 6901) to the offending value; empty for the record itself.
  std::string pointer;
  std::string detail; ///< one sentence, at most 256 bytes, valid UTF-8
  /// The record as it came to the stage that refused it; kept only if the stream stores
  /// dead letters or the record was quarantined, else empty.
  std::string body;
};

/// How far a batch has come. A stage takes one and makes another; a batch that was sent never
/// changes. `text` is envelope->bytes at first (by an aliasing pointer), later a worker's output.
struct record_batch {
  std::shared_ptr<const envelope> source;
  /// Has text_padding of capacity after its end.
  std::shared_ptr<const std::string> text;
  std::vector<record_ref> records;   ///< those still standing, ordered by (part, record)
  std::vector<rejection> rejections; ///< ordered as they were found
  std::vector<uint32_t> dropped;     ///< per part: records a drop or sample step removed

  std::string_view text_of(const record_ref& ref) const noexcept {
    return std::string_view{*text}.substr(ref.offset, ref.size);
  }
  /// Bytes this batch holds in memory, for the byte budget.
  size_t footprint() const noexcept;
};

using batch_ptr = std::shared_ptr<const record_batch>;

/// What the journal knows of a keyed request whose body was cut at other places, or differs.
/// The counts add up to `records`.
struct stored_prefix : total_counts {
  uint64_t records = 0;     ///< leading records with a verdict; 0: nothing is known
  uint64_t fingerprint = 0; ///< the fingerprint of the last of those parts
  uint64_t last_sequence = 0;
};

/// What became of one part.
struct part_receipt : part_counts {
  uint64_t request = 0;
  uint32_t part = 0;
  /// none: final as counted. Else nothing of the part is stored.
  ec outcome = ec::none;
  std::string detail; ///< explains a failed outcome
  batch_key key;
  /// The outcome is a failure, but after a crash the part may be stored all the same.
  bool doubtful = false;
  /// The key was known: an earlier request stored this part.
  bool duplicate = false;
  uint64_t last_sequence = 0; ///< the last stored record's, for `ack: stored`; 0 if none
  /// With outcome key_reused for a body's first part: nothing was stored now, but it may
  /// be the same body in other pieces; only the owner of its text can tell.
  stored_prefix known;
};

/// The fate of a whole batch, sent once it is final. Rejections are the batch's own list.
struct batch_receipt {
  batch_ptr batch; ///< as persisted, or as it came when it failed earlier
  std::vector<part_receipt> parts;
};

} // namespace weir
