// KEYED BODY: what tells the body of a request with an Idempotency-Key from others, wherever it
// was cut. A batch's fingerprint is that of the body from its first byte to the batch's end, so
// the last fingerprint that is stored says of all that is stored whether a new body begins with
// it, and whether the stored one ended there. Pure.
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
/// null for what is no CSV.
uint64_t closed_fingerprint(uint64_t hash, body_format format,
                            const csv_header* header) noexcept;
uint64_t closed_fingerprint(std::string_view body, body_format format,
                            const csv_header* header);

/// What is left of a cut of which an earlier request has stored something.
struct unstored_rest {
  uint32_t known = 0;           ///< leading records of the cut that have their verdict
  std::optional<body_cut> rest; ///< what follows them, if anything does
};

/// `cut` is of a body whose first `known.records` records an earlier request may have stored; it
/// ends the body if `last`. Fails with key_reused when the two bodies are seen to differ; while
/// the cut ends before `known` does, they may still.
result<unstored_rest> what_is_new(body_cut cut, bool last, const stored_prefix& known);

/// Records of `cut` from number `first` on (less than it has), as a cut of its own.
body_cut rest_of(const body_cut& cut, size_t first);

} // namespace weir
