// The two lists of codes. `ec`: what became of a request or a batch, one table in
// base/codes.def. `reject`: why one record was not accepted. No CAF here: base/errors.hpp binds
// `ec` to it.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

enum class ec : uint8_t {
#define WEIR_EC(name, number, status, refusal, title) name = number,
#include "base/codes.def"
#undef WEIR_EC
};

/// The code's name as it appears in problem+json, logs and CAF errors.
std::string_view to_string(ec code) noexcept;

/// The HTTP status (RFC 9110) that answers a request which ended with `code`; 200 for none.
int http_status(ec code) noexcept;

/// The title of a problem with this code (RFC 9457 §3.1.3).
std::string_view title_of(ec code) noexcept;

/// True if nothing of the batch is stored and another node may take it; see base/codes.def.
bool is_refusal(ec code) noexcept;

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
