#include "app/send/answer.hpp"

#include "app/config/units.hpp"
#include "app/send/retry.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {

using json = nlohmann::json;

uint64_t count_of(const json& object, const char* name) {
  if (!object.is_object())
    return 0;
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>()
                                                              : 0;
}

std::string text_of(const json& object, const char* name) {
  if (!object.is_object())
    return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string rejection_text(const json& error) {
  const auto pointer = text_of(error, "pointer");
  return fmt::format("{}{}{} {}", one_line(text_of(error, "code")),
                     pointer.empty() ? "" : " ", one_line(pointer),
                     one_line(text_of(error, "detail")));
}

refusal kind_of_refusal(const http_answer& answer, const json& problem) {
  const int status = answer.status;
  if (status < 300) // weir did not give this answer
    return refusal::all;
  if (text_of(problem, "code") == "key_reused")
    return refusal::request;
  if (status == 400 || status == 413 || status == 422)
    return refusal::part;
  return refusal::all;
}

uint64_t durable_of(const json& problem) {
  return count_of(problem, "durable_records");
}

std::optional<uint64_t> refused_line(const json& problem) {
  if (const auto line = count_of(problem, "line"); line > 0)
    return line;
  constexpr std::string_view word = "line ";
  const auto detail = text_of(problem, "detail");
  if (!detail.starts_with(word))
    return std::nullopt;
  const auto digits = std::string_view{detail}.substr(word.size());
  const auto line = parse_count(digits.substr(0, digits.find_first_not_of("0123456789")));
  return line ? std::optional{*line} : std::nullopt;
}

} // namespace weir
