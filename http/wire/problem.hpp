// PROBLEM: the body of every answer that is not a success (RFC 9457, application/problem+json).
#pragma once

#include "base/codes.hpp"
#include "base/result.hpp"
#include "http/wire/answer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

/// Precedes the code in the type of every problem, on both listeners.
inline constexpr std::string_view problem_type_prefix = "urn:weir:problem:";

struct problem {
  ec code = ec::none;
  std::string detail;
  int retry_after = 0; ///< seconds, sent when above 0
  /// For a streamed body that failed part-way: leading records whose fate is final.
  std::optional<uint64_t> durable_records;
  const verdicts* counts = nullptr; ///< what became of the records; null: not told
  std::string_view allow;           ///< method_not_allowed: the methods that are allowed
};

void append_problem(std::string& out, const problem& p);

/// Header lines (each with CRLF) that go with the code: Retry-After, Allow,
/// WWW-Authenticate.
std::string problem_fields(const problem& p);

} // namespace weir
