// The unit of flow. An `envelope` is what arrived and never changes: bytes, whose they are, how
// they must be answered. A `record_batch` is how far the work on it has come: which records still
// stand and where their text is, and which were rejected and why. Both travel by shared_ptr, are
// immutable once sent, and are owned by the gateway until the batch's receipt.
//
//   gateway: frames the body, fills `envelope` and one record_ref per record
//   validate: checks each record; the text becomes one JSON object per record
//   transform: runs the stream's steps on each object
//   persist: one journal frame per part that has records (or dead letters) left
#pragma once

#include "base/codes.hpp"

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

/// How a body is divided. Batches have the first four only: what was framed as a JSON text
/// sequence (RFC 7464) is JSON from then on.
enum class body_format : uint8_t { json, ndjson, csv, text, json_seq };
enum class priority : uint8_t { low, normal, high };
enum class ack_level : uint8_t { accepted, durable, stored };

std::string_view to_string(body_format format) noexcept;
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

/// The key of the batch of a keyed body that begins with its record number `record_base`; `first`
/// is the key of the request. So the batches of a body form a chain that anybody can follow who
/// has the first key and the number of records in each: where one ends, the next begins, whatever
/// the settings were by which the body was cut.
batch_key continued_key(const batch_key& first, uint64_t record_base);

/// 128 bits from the kernel; std::system_error when it has none.
batch_key random_batch_key();

/// 64 bits of SHA-256 over a body: tells a repeated request from a reused key.
uint64_t body_fingerprint(std::string_view body);

/// The fingerprint of a part after which its body goes on; `closed` is the one that it has where
/// the body ends with it. A bijection, so that both are equally hard to meet by chance.
constexpr uint64_t open_fingerprint(uint64_t closed) noexcept {
  return closed * 0x9e3779b97f4a7c15ULL + 0x6a09e667f3bcc909ULL;
}

/// Readable bytes that must follow any text handed to simdjson (its SIMDJSON_PADDING, asserted
/// in records/). Every buffer of records keeps this much capacity behind its end.
inline constexpr size_t text_padding = 64;

/// Where the names of a CSV body's columns come from.
enum class csv_names : uint8_t {
  required, ///< its first row, which has each once and none empty
  mended,   ///< its first row; one that is empty or there already becomes column_<n>
  absent,   ///< nowhere: column_1, column_2, … as many as the first row has fields
};

struct csv_dialect {
  char delimiter = ','; ///< between fields; see is_csv_delimiter()
  csv_names names = csv_names::required;
  /// What the request's media type said of the two, 0 for nothing: a key stands for that as
  /// well. What the stream says is not part of it, for it may change before a repetition.
  uint16_t said = 0;
  bool operator==(const csv_dialect&) const = default;
};

/// One byte of ASCII that no number or word has in it and no quoting or line end is made of.
bool is_csv_delimiter(char c) noexcept;
/// A delimiter as it is (`;`) or by a name: comma, semicolon, tab, pipe, colon, space, `\t`,
/// or percent-encoded (`%3B`). Nothing: it can't be one.
std::optional<char> csv_delimiter_of(std::string_view text) noexcept;
/// `comma`, `semicolon`, `tab`, `pipe`, or the delimiter itself, or percent-encoded.
std::string csv_delimiter_name(char delimiter);

/// What the rows of a CSV body are read with.
struct csv_header {
  std::vector<std::string> names; ///< unquoted and valid UTF-8, in column order
  char delimiter = ',';
  uint16_t said = 0; ///< csv_dialect::said; the gateway's, which knows the request
  bool operator==(const csv_header&) const = default;
};

/// One request's share of a batch. A small request is one part; coalesced requests are several
/// parts of one batch; a streamed body is one part in each of several batches.
struct batch_part {
  /// Not 0: one of several batches of this streamed request; stages keep their order, and the
  /// journal stores them in it, each after the ones before. Unique for each request that is sent,
  /// also when it repeats another. Echoed in the receipt.
  uint64_t request = 0;
  /// Of a streamed request: key.low of its first batch. All go to the same persister.
  uint64_t home = 0;
  batch_key key;
  bool keyed =
    false; ///< the client sent an Idempotency-Key: remember it for 24 h or 1 M keys
  /// Meaningful when keyed: of the body's raw bytes from its first to the end of this part; see
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

/// Set when a batch goes out a second time while the first copy may still be stored or is
/// already: from then on a refusal says nothing of the batch. Never taken back. Any thread.
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

/// How many leading records of a streamed request have their final verdict, as far as whoever owns
/// the batch knows. Only grows. Any thread.
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

/// What arrived. Immutable, but for the marks; `bytes` has `text_padding` bytes of capacity behind its size.
struct envelope {
  uint64_t id = 0; ///< unique in this process's life
  std::string stream;
  priority level = priority::normal;
  int64_t received_at_us = 0; ///< unix microseconds
  std::chrono::steady_clock::time_point
    deadline;        ///< past it nobody waits for the receipt
  std::string bytes; ///< the raw records of all parts
  std::vector<batch_part> parts;
  std::weak_ptr<receipt_port>
    origin; ///< where the receipt goes; gone when the gateway is
  mutable copy_mark copied{};
  mutable settled_mark settled{}; ///< of a streamed request's batch, which has one part
  /// By which its records are judged: what was in force when their request began. Null on a node
  /// that had the batch from another: its own.
  std::shared_ptr<const catalog> rules;
};

/// A name for an envelope that no other of this process's life has. Any thread.
uint64_t next_envelope_id() noexcept;

/// Where one record's text is in the batch's `text`, and which record of which request it is.
struct record_ref {
  uint32_t offset = 0;
  uint32_t size = 0;
  uint32_t part = 0;   ///< index into envelope::parts
  uint32_t record = 0; ///< from 0, relative to the part's record_base
  uint32_t line = 0;   ///< of its first byte, from 0, relative to the part's line_base
};

/// One record that will not be stored, and why. Rejected records are rare: they may allocate.
struct rejection {
  uint32_t part = 0;
  uint32_t record = 0;
  uint32_t line = 0;
  reject code = reject::malformed_json;
  std::string
    pointer; ///< JSON pointer (RFC 6901) to the offending value, empty for the record
  std::string detail; ///< one sentence, at most 256 bytes, valid UTF-8
  /// The record as it came to the stage that refused it; kept only for streams that store dead
  /// letters and for quarantined records, else empty.
  std::string body;
};

/// How far a batch has come. A stage takes one and makes another; nobody changes one that was
/// sent. `text` is envelope->bytes at first (then an aliasing pointer), later a worker's output.
struct record_batch {
  std::shared_ptr<const envelope> source;
  std::shared_ptr<const std::string>
    text;                            ///< with text_padding of capacity behind its size
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

/// What the journal has of a keyed request whose body was cut in other places, or is another.
struct stored_prefix {
  uint64_t records = 0;     ///< leading records with a verdict; 0: nothing is known
  uint64_t fingerprint = 0; ///< of the last part of them
  uint64_t accepted = 0;    ///< of those records; the four add up to them
  uint64_t rejected = 0;
  uint64_t quarantined = 0;
  uint64_t dropped = 0;
  uint64_t last_sequence = 0;
};

/// What became of one part.
struct part_receipt {
  uint64_t request = 0;
  uint32_t part = 0;
  ec outcome =
    ec::none; ///< none: final as counted below. Else nothing of the part is stored
  std::string detail; ///< text of a failed outcome
  batch_key key;
  bool doubtful =
    false; ///< of a failed outcome: after a crash it may be stored all the same
  bool duplicate =
    false; ///< the key was known: this part was stored by an earlier request
  uint32_t accepted = 0; ///< stored records
  uint32_t rejected = 0;
  uint32_t quarantined = 0;
  uint32_t dropped = 0;
  uint64_t last_sequence = 0; ///< of its last stored record, for `ack: stored`; 0 if none
  /// With outcome key_reused of a body's first part: nothing of it was stored now, but it may be
  /// the same body in other pieces; only who has its text can tell.
  stored_prefix known;
};

/// The fate of a whole batch, sent once it is final. Rejections are the batch's own list.
struct batch_receipt {
  batch_ptr batch; ///< as persisted, or as it came when it failed earlier
  std::vector<part_receipt> parts;
};

} // namespace weir
