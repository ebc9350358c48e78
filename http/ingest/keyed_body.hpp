// KEYED BODY: tells whether two requests with one Idempotency-Key have the same body, wherever
// each was cut. A batch's fingerprint covers the body from its first byte to the batch's end. So
// the last stored fingerprint shows whether a new body begins with all that is stored, and
// whether the stored body ended there. Pure.
#pragma once

#include "base/result.hpp"
#include "http/ingest/body_reader.hpp"
#include "proto/batch.hpp"
#include "proto/body_hash.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir {

/// The fingerprint of a body that ends with these bytes. The media type is part of what a key
/// stands for: the same bytes as text, or divided at semicolons, are other records. `header` is
/// null unless the body is CSV.
uint64_t closed_fingerprint(uint64_t hash, body_format format,
                            const csv_header* header) noexcept;
uint64_t closed_fingerprint(std::string_view body, body_format format,
                            const csv_header* header);

/// What an earlier request has stored of a cut, and what it has not.
struct unstored_rest {
  uint32_t known = 0;           ///< leading records of the cut that have their verdict
  std::optional<body_cut> rest; ///< what follows them, if anything does
};

/// `cut` belongs to a body whose first `known.records` records an earlier request may have
/// stored; it ends the body if `last`. Fails with key_reused when the two bodies are seen to
/// differ; a cut that ends before `known` does can't show that.
result<unstored_rest> what_is_new(body_cut cut, bool last, const stored_prefix& known);

/// Records of `cut` from number `first` on (less than it has), as a cut of its own.
body_cut rest_of(const body_cut& cut, size_t first);

} // namespace weir
