#include "app/patient_post.hpp"

#include "app/units.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {

patient_post::patient_post(post_function post, sleep_function sleep, retry_policy retry,
                           std::string api_key, std::string ack)
  : post_(std::move(post)), sleep_(std::move(sleep)), retry_(retry),
    api_key_(std::move(api_key)), ack_(std::move(ack)) {}

result<http_answer> patient_post::operator()(const outgoing& request,
                                             const wait_function& waiting) {
  header_fields fields{{"Idempotency-Key", request.idempotency_key}, {"Weir-Ack", ack_}};
  if (!api_key_.empty())
    fields.emplace_back("Authorization", "Bearer " + api_key_);
  for (uint32_t attempt = 0;; ++attempt) {
    auto answer = post_(request.path, request.content_type, fields, request.body);
    const bool passing = answer ? retry_policy::passing(answer->status)
                                : answer.error().code == ec::io_failed;
    if (!passing)
      return answer;
    const auto wait = retry_.delay(attempt, answer ? answer->retry_after : std::string{});
    if (!wait)
      return answer;
    waiting(*wait, answer ? problem_text(*answer) : answer.error().text);
    sleep_(*wait);
  }
}

std::string problem_text(const http_answer& answer) {
  const auto problem = nlohmann::json::parse(answer.body, nullptr, false);
  auto text = fmt::format("HTTP {}", answer.status);
  if (problem.is_object())
    for (const auto* name : {"title", "detail"})
      if (const auto found = problem.find(name);
          found != problem.end() && found->is_string())
        text += ": " + one_line(found->get_ref<const std::string&>());
  return text;
}

std::string_view content_type_of(body_format format) noexcept {
  switch (format) {
  case body_format::json:
    return "application/json";
  case body_format::ndjson:
    return "application/x-ndjson";
  case body_format::csv:
    return "text/csv";
  case body_format::text:
    return "text/plain";
  }
  return "application/octet-stream";
}

} // namespace weir
