// TEXT: how a violation and a schema error read. Of a record at most 64 bytes are
// repeated, on one line, as valid UTF-8; pointers and details are bounded.
#pragma once

#include "records/schema/program.hpp"

#include <string>
#include <string_view>

namespace weir::schema_detail {

inline constexpr size_t echo_bytes_max = 64;
inline constexpr size_t detail_bytes_max = 256;
inline constexpr size_t pointer_bytes_max = 512;

/// `"text"`, control characters as \u00XX, cut with … before it passes `bytes_max`.
std::string quote(std::string_view text, size_t bytes_max = echo_bytes_max);
/// Cut at a character with … when longer; valid UTF-8 stays valid.
std::string clipped(std::string text, size_t bytes_max);

/// `string`, `integer`, … as `type` has it.
std::string_view type_name(simdjson::dom::element value);
/// `integer or null`.
std::string type_names(uint8_t types);
/// A scalar as it is written; `an object`, `an array`.
std::string show(simdjson::dom::element value);
/// `3 characters`, `1 character`.
std::string counted(uint64_t count, std::string_view noun);

/// The key as an RFC 6901 reference token.
std::string escape_token(std::string_view key);
/// `/key` + pointer. When that is over pointer_bytes_max it ends at a parent.
void prepend_token(std::string& pointer, std::string_view key);

} // namespace weir::schema_detail
