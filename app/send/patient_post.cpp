#include "app/send/patient_post.hpp"

#include "app/config/units.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

/// True if the request may be stored all the same: it was on its way when the time was
/// over, or a proxy lost the answer.
bool says_nothing(const http_answer& answer) {
  if (answer.status != 503)
    return answer.status == 500 || answer.status == 502 || answer.status == 504;
  const auto problem = nlohmann::json::parse(answer.body, nullptr, false);
  return problem.is_object()
         && problem.value("code", nlohmann::json{}) == "deadline_exceeded";
}

} // namespace

patient_post::patient_post(post_function post, sleep_function sleep, retry_policy retry,
                           std::string api_key, std::string ack)
  : post_(std::move(post)), sleep_(std::move(sleep)), retry_(retry),
    api_key_(std::move(api_key)), ack_(std::move(ack)) {}

header_fields patient_post::fields_of(const outgoing& request) const {
  header_fields fields{{"Idempotency-Key", request.idempotency_key}};
  if (!ack_.empty())
    fields.emplace_back("Weir-Ack", ack_);
  if (!api_key_.empty())
    fields.emplace_back("Authorization", "Bearer " + api_key_);
  return fields;
}

result<http_answer> patient_post::operator()(const outgoing& request,
                                             const wait_function& waiting) {
  retry_.begin();
  repeated_ = uncertain_ = false;
  for (uint32_t attempt = 0;;) {
    auto answer =
      post_(request.path, request.content_type, fields_of(request), request.body);
    if (answer && answer->status == 202 && ack_.empty()) {
      ack_ = "durable"; // more than the stream asks for, which is nothing
      repeated_ = true;
      continue;
    }
    const auto failure = answer ? ec::none : answer.error().code;
    if (failure == ec::deadline_exceeded || (answer && says_nothing(*answer)))
      uncertain_ = true;
    const bool passing = answer
                           ? retry_policy::passing(answer->status)
                           : failure == ec::io_failed || failure == ec::deadline_exceeded;
    if (!passing || stopped_())
      return answer;
    const auto wait =
      retry_.delay(attempt++, answer ? answer->retry_after : std::string{});
    if (!wait)
      return answer;
    waiting(*wait, answer ? problem_text(*answer) : answer.error().text);
    sleep_(*wait);
    if (stopped_())
      return answer;
    repeated_ = true;
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

} // namespace weir
