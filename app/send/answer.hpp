// SEND ANSWER: what a node's answer to a request says of its records.
#pragma once

#include "http/client.hpp"

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace weir {

/// A member of an answer; 0 or empty if there is none of its kind.
uint64_t count_of(const nlohmann::json& object, const char* name);
std::string text_of(const nlohmann::json& object, const char* name);

/// `schema_violation /amount must be a number`
std::string rejection_text(const nlohmann::json& error);

/// How to go on after an answer that is not a verdict on all records.
enum class refusal : uint8_t {
  part,    ///< something in this request; a part of it may go through
  request, ///< this request as a whole; others may go through
  all,     ///< every other request would be answered alike
};
refusal kind_of_refusal(const http_answer& answer, const nlohmann::json& problem);

/// How many leading records of the request have their verdict.
uint64_t durable_of(const nlohmann::json& problem);

/// The line of the request, from 1, that the problem is about.
std::optional<uint64_t> refused_line(const nlohmann::json& problem);

} // namespace weir
