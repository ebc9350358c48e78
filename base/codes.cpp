#include "base/codes.hpp"

namespace weir {

// No `default:` on purpose: -Wswitch (an error here) reports a code without text.
std::string_view to_string(ec code) noexcept {
  switch (code) {
  case ec::none:
    return "none";
  case ec::malformed_request:
    return "malformed_request";
  case ec::malformed_body:
    return "malformed_body";
  case ec::unauthorized:
    return "unauthorized";
  case ec::forbidden:
    return "forbidden";
  case ec::unknown_stream:
    return "unknown_stream";
  case ec::method_not_allowed:
    return "method_not_allowed";
  case ec::request_timeout:
    return "request_timeout";
  case ec::length_required:
    return "length_required";
  case ec::body_too_large:
    return "body_too_large";
  case ec::unsupported_media_type:
    return "unsupported_media_type";
  case ec::expectation_failed:
    return "expectation_failed";
  case ec::all_records_rejected:
    return "all_records_rejected";
  case ec::key_reused:
    return "key_reused";
  case ec::head_too_large:
    return "head_too_large";
  case ec::saturated:
    return "saturated";
  case ec::rate_limited:
    return "rate_limited";
  case ec::draining:
    return "draining";
  case ec::stage_away:
    return "stage_away";
  case ec::journal_full:
    return "journal_full";
  case ec::storage_failed:
    return "storage_failed";
  case ec::deadline_exceeded:
    return "deadline_exceeded";
  case ec::out_of_turn:
    return "out_of_turn";
  case ec::crashed:
    return "crashed";
  case ec::restart_limit_reached:
    return "restart_limit_reached";
  case ec::worker_hung:
    return "worker_hung";
  case ec::journal_corrupt:
    return "journal_corrupt";
  case ec::sink_unavailable:
    return "sink_unavailable";
  case ec::invalid_config:
    return "invalid_config";
  case ec::io_failed:
    return "io_failed";
  }
  return "unknown_code";
}

int http_status(ec code) noexcept {
  switch (code) {
  case ec::none:
    return 200;
  case ec::malformed_request:
  case ec::malformed_body:
    return 400;
  case ec::unauthorized:
    return 401;
  case ec::forbidden:
    return 403;
  case ec::unknown_stream:
    return 404;
  case ec::method_not_allowed:
    return 405;
  case ec::request_timeout:
    return 408;
  case ec::length_required:
    return 411;
  case ec::body_too_large:
    return 413;
  case ec::unsupported_media_type:
    return 415;
  case ec::expectation_failed:
    return 417;
  case ec::all_records_rejected:
  case ec::key_reused:
    return 422;
  case ec::rate_limited:
    return 429;
  case ec::head_too_large:
    return 431;
  case ec::saturated:
  case ec::draining:
  case ec::stage_away:
  case ec::journal_full:
  case ec::storage_failed:
  case ec::out_of_turn:
  case ec::deadline_exceeded:
  case ec::crashed:
  case ec::restart_limit_reached:
  case ec::worker_hung:
  case ec::journal_corrupt:
  case ec::sink_unavailable:
  case ec::invalid_config:
  case ec::io_failed:
    return 503;
  }
  return 503;
}

std::string_view to_string(reject code) noexcept {
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
