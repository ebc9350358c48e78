// The two lists of codes. `ec`: what became of a request or a batch, grouped by who must act.
// `reject`: why one record was not accepted. A code exists only if some caller reacts to it
// differently; everything else is text beside it. No CAF here: base/errors.hpp binds `ec` to it.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

enum class ec : uint8_t {
  none = 0,
  // -- the client must act: 4xx, retrying unchanged is pointless
  malformed_request = 1,
  malformed_body,
  unauthorized,
  forbidden,
  unknown_stream,
  method_not_allowed,
  request_timeout,
  length_required,
  body_too_large,
  unsupported_media_type,
  expectation_failed,
  all_records_rejected,
  key_reused,
  head_too_large,
  // -- ours, and passing: 503 or 429 with Retry-After; nothing of the request is stored, but
  // that deadline_exceeded says nothing of it
  saturated = 40,
  rate_limited,
  draining,
  stage_away,
  journal_full,
  storage_failed,
  deadline_exceeded,
  /// Between nodes and stages only: a part of a streamed request whose turn has not come. Its owner
  /// sends it again when it knows more of the parts before it; a client never hears of it.
  out_of_turn,
  // -- ours, and lasting: the supervisor or the operator must act
  crashed = 80,
  restart_limit_reached,
  worker_hung,
  journal_corrupt,
  sink_unavailable,
  invalid_config,
  io_failed,
};

/// The code's name as it appears in problem+json, logs and CAF errors.
std::string_view to_string(ec code) noexcept;

/// The HTTP status a request is answered with when `code` is its fate (RFC 9110). 200 for none.
int http_status(ec code) noexcept;

/// Nothing of the batch is stored here, and not for a reason that lies in the batch: another
/// node may take it, or this one a moment later.
constexpr bool is_refusal(ec code) noexcept {
  return code == ec::saturated || code == ec::draining || code == ec::stage_away
         || code == ec::journal_full || code == ec::storage_failed;
}

/// Why a record was rejected. The names are the `code` of an answer's errors and the `reason`
/// label of weir_records_rejected_total.
enum class reject : uint8_t {
  malformed_json = 1,
  not_an_object,
  invalid_utf8,
  too_deep,
  record_too_large,
  malformed_csv,
  ragged_row,
  schema_violation,
  transform_failed,
  quarantined,
};
inline constexpr int reject_codes = 11; ///< one past the last value of `reject`

std::string_view to_string(reject code) noexcept;

} // namespace weir
