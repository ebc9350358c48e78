// BATCH CODEC: a batch and its receipt as bytes, as they cross a link. A batch goes as far
// as its work has come: the text as it is now and where each record lies in it; what the
// receiving side does not need (the raw bytes behind a transformed text) stays at home.
//
//   batch    u8 version | stream | level | received_at_us | time left, ms | parts | flags
//            | where the records lie | rejections | dropped per part | u32 bytes of text
//            | text, which may also come beside
//   record   u8 bytes after the end of the one before | u16 bytes, when it is the next record,
//            and line, of the same part; else u8 255 and all of it
//   rejection  u32 part | u32 record | u32 line | u8 code, and 128 when texts follow
//            | pointer | detail | the record. In a batch a dead letter has texts, and nothing
//            else: whoever sends a batch keeps its rejections. In a receipt those have some
//            that the client is shown
//   receipt  u8 version | parts | rejections that the batch did not bring, without records
//
// Pure. Whatever the bytes are, decoding allocates at most a small multiple of their number
// and either gives a batch that is consistent in itself (every reference inside the text,
// every index inside the parts) or a fault.
#pragma once

#include "base/result.hpp"
#include "proto/batch.hpp"
#include "proto/link.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// How many bytes encode_batch() will make at most, to charge a window before encoding.
size_t encoded_batch_bytes(const record_batch& batch) noexcept;

/// Behind `room` bytes for whoever frames it. The text is not copied but shared.
outgoing_frame encode_batch(const record_batch& batch,
                            std::chrono::steady_clock::time_point now, size_t room = 0);

/// A batch that has just arrived. The envelope is new, so the caller may still set its id
/// and its origin; the batch refers to it.
struct arrived_batch {
  std::shared_ptr<envelope> source;
  std::shared_ptr<record_batch> batch;
};
/// `text` becomes the batch's; empty when it is the last of `bytes`.
result<arrived_batch> decode_batch(std::string_view bytes, std::string text,
                                   std::chrono::steady_clock::time_point now);

/// An answer lists no more errors of a request.
inline constexpr size_t receipt_errors_per_part = 100;

/// Without the batch's first `known` rejections, with which it came. Whatever a legal batch
/// came to, its receipt has 13 bytes for each rejection and 1 MiB of their texts at most, so
/// that it never exceeds what the batch's sender takes. last_sequence is not sent: sequence
/// numbers mean something only where they were given.
std::string encode_receipt(const batch_receipt& receipt, size_t known, size_t room = 0);

struct arrived_receipt {
  std::vector<part_receipt> parts;
  std::vector<rejection> rejections;
};
result<arrived_receipt> decode_receipt(std::string_view bytes);
/// It has a word on each part of `batch`, and refuses no more records than that has.
bool belongs_to(const arrived_receipt& receipt, const record_batch& batch) noexcept;

} // namespace weir
