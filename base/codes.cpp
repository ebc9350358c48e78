#include "base/codes.hpp"

namespace weir {

// No `default:` on purpose: -Wswitch (an error here) reports a code without text.
std::string_view to_string(ec code) noexcept {
  switch (code) {
#define WEIR_EC(name, number, status, refusal, title)                                    \
  case ec::name:                                                                         \
    return #name;
#include "base/codes.def"
#undef WEIR_EC
  }
  return "unknown_code";
}

int http_status(ec code) noexcept {
  switch (code) {
#define WEIR_EC(name, number, status, refusal, title)                                    \
  case ec::name:                                                                         \
    return status;
#include "base/codes.def"
#undef WEIR_EC
  }
  return 503;
}

bool is_refusal(ec code) noexcept {
  switch (code) {
#define WEIR_EC(name, number, status, refusal, title)                                    \
  case ec::name:                                                                         \
    return refusal;
#include "base/codes.def"
#undef WEIR_EC
  }
  return false;
}

std::string_view title_of(ec code) noexcept {
  switch (code) {
#define WEIR_EC(name, number, status, refusal, title)                                    \
  case ec::name:                                                                         \
    return title;
#include "base/codes.def"
#undef WEIR_EC
  }
  return "The node has failed";
}

std::string_view to_string(reject code) noexcept {
  // No `default:` here either: -Wswitch reports a missing text.
  switch (code) {
  case reject::malformed_json:
    return "malformed_json";
  case reject::not_an_object:
    return "not_an_object";
  case reject::invalid_utf8:
    return "invalid_utf8";
  case reject::too_deep:
    return "too_deep";
  case reject::record_too_large:
    return "record_too_large";
  case reject::malformed_csv:
    return "malformed_csv";
  case reject::ragged_row:
    return "ragged_row";
  case reject::schema_violation:
    return "schema_violation";
  case reject::transform_failed:
    return "transform_failed";
  case reject::quarantined:
    return "quarantined";
  }
  return "unknown_code";
}

} // namespace weir
