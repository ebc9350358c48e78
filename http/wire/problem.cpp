#include "http/wire/problem.hpp"

namespace weir {

std::string_view title_of(ec code) noexcept {
  switch (code) {
  case ec::none:
    return "Done";
  case ec::malformed_request:
    return "The request is not valid HTTP or has an invalid field";
  case ec::malformed_body:
    return "The body can't be divided into records";
  case ec::unauthorized:
    return "A valid API key is needed";
  case ec::forbidden:
    return "The API key is not good for this stream";
  case ec::unknown_stream:
    return "There is nothing at this path";
  case ec::method_not_allowed:
    return "The method is not allowed here";
  case ec::request_timeout:
    return "The request came too slowly";
  case ec::length_required:
    return "A body needs Content-Length or chunked coding";
  case ec::body_too_large:
    return "The body, or a record of it, is too large";
  case ec::unsupported_media_type:
    return "The media type or content coding is not supported";
  case ec::expectation_failed:
    return "The expectation can't be met";
  case ec::all_records_rejected:
    return "Every record was rejected";
  case ec::key_reused:
    return "The Idempotency-Key was used for another body";
  case ec::head_too_large:
    return "The head of the request is too large";
  case ec::saturated:
    return "The node is at its capacity";
  case ec::rate_limited:
    return "The rate limit is used up";
  case ec::draining:
    return "The node is shutting down";
  case ec::stage_away:
  case ec::out_of_turn:
    return "The node can't take work now";
  case ec::journal_full:
    return "The journal has no room";
  case ec::storage_failed:
    return "The records could not be written";
  case ec::deadline_exceeded:
    return "The outcome is not known yet";
  case ec::crashed:
  case ec::restart_limit_reached:
  case ec::worker_hung:
  case ec::journal_corrupt:
  case ec::sink_unavailable:
  case ec::invalid_config:
  case ec::io_failed:
    return "The node has failed";
  }
  return "The node has failed";
}

void append_problem(std::string& out, const problem& p) {
  out.append(R"({"type":")").append(problem_type_prefix);
  out += to_string(p.code);
  out += R"(","title":)";
  append_json_string(out, title_of(p.code));
  out += R"(,"status":)";
  append_number(out, static_cast<uint64_t>(http_status(p.code)));
  out += R"(,"detail":)";
  append_json_string(out, p.detail);
  out += R"(,"code":")";
  out += to_string(p.code);
  out += '"';
  if (p.retry_after > 0) {
    out += R"(,"retry_after":)";
    append_number(out, static_cast<uint64_t>(p.retry_after));
  }
  if (p.durable_records) {
    out += R"(,"durable_records":)";
    append_number(out, *p.durable_records);
  }
  if (p.counts) {
    out += ',';
    append_verdict_members(out, *p.counts);
  }
  out += '}';
}

std::string problem_fields(const problem& p) {
  std::string fields;
  if (p.retry_after > 0)
    fields += "Retry-After: " + std::to_string(p.retry_after) + "\r\n";
  if (p.code == ec::method_not_allowed)
    fields.append("Allow: ").append(p.allow).append("\r\n");
  if (p.code == ec::unauthorized)
    fields += "WWW-Authenticate: Bearer realm=\"weir\"\r\n";
  return fields;
}

} // namespace weir
