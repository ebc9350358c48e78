// BATCH CODEC: a batch and its receipt as bytes, as they cross a link. A batch travels in its
// present state: the text as it is now and where each record lies in it; what the receiving side
// does not need (the raw bytes a transformed text was made from) stays with the sender.
//
//   batch    u8 version | stream | level | received_at_us | time left, ms | parts | flags
//            | where the records lie | rejections | dropped per part | u32 bytes of text
//            | text, which may also come beside
//   record   u8 bytes after the end of the one before | u16 bytes, if it is the next record and
//            the next line of the same part; else u8 255 and all of it
//   rejection  u32 part | u32 record | u32 line | u8 code, plus 128 if texts follow
//            | pointer | detail | the record. In a batch only dead letters have texts: whoever
//            sends a batch keeps its rejections. In a receipt those have texts that the client
//            is shown
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

/// An upper bound on the bytes encode_batch() makes, to charge a window before encoding.
size_t encoded_batch_bytes(const record_batch& batch) noexcept;

/// Leaves `room` bytes free at the front for whoever frames it. The text is shared, not copied.
outgoing_frame encode_batch(const record_batch& batch,
                            std::chrono::steady_clock::time_point now, size_t room = 0);

/// A batch that has just arrived. The envelope is new, so the caller may still set its id
/// and its origin; the batch refers to it.
struct arrived_batch {
  std::shared_ptr<envelope> source;
  std::shared_ptr<record_batch> batch;
};
/// `text` becomes the batch's; if it is empty, the text is at the end of `bytes`.
result<arrived_batch> decode_batch(std::string_view bytes, std::string text,
                                   std::chrono::steady_clock::time_point now);

/// An answer lists no more errors of one request than this.
inline constexpr size_t receipt_errors_per_part = 100;

/// Leaves out the batch's first `known` rejections, which came with it. For any legal
/// batch the receipt has at most 13 bytes for each rejection and 1 MiB of their texts, so
/// that it never exceeds what the batch's sender takes. last_sequence is not sent:
/// sequence numbers mean something only on the node that gave them.
std::string encode_receipt(const batch_receipt& receipt, size_t known, size_t room = 0);

struct arrived_receipt {
  std::vector<part_receipt> parts;
  std::vector<rejection> rejections;
};
result<arrived_receipt> decode_receipt(std::string_view bytes);
/// True if the receipt covers each part of `batch` and refuses no more records than the part has.
bool belongs_to(const arrived_receipt& receipt, const record_batch& batch) noexcept;

} // namespace weir
