#include "http/wire/problem.hpp"

namespace weir {

void append_problem(std::string& out, const problem& p) {
  // The members of RFC 9457 come first, then ours.
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
