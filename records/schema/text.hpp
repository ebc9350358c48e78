// TEXT: writes violations and schema errors. They repeat at most 64 bytes of a record, on one
// line, as valid UTF-8; pointers and details are bounded.
#pragma once

#include "records/schema/program.hpp"

#include <string>
#include <string_view>

namespace weir::schema_detail {

inline constexpr size_t echo_bytes_max = 64;
inline constexpr size_t detail_bytes_max = 256;
inline constexpr size_t pointer_bytes_max = 512;

/// Writes `"text"`, control characters as \u00XX, cut with … before it passes `bytes_max`.
std::string quote(std::string_view text, size_t bytes_max = echo_bytes_max);
/// Cuts a longer text at a character and adds …; valid UTF-8 stays valid.
std::string clipped(std::string text, size_t bytes_max);

/// The type's name as the keyword `type` has it: `string`, `integer`, …
std::string_view type_name(simdjson::dom::element value);
/// Lists types like `integer or null`.
std::string type_names(uint8_t types);
/// Writes a scalar as JSON does, a string as quote() does; else `an object` or `an array`.
std::string show(simdjson::dom::element value);
/// Writes `3 characters` or `1 character`.
std::string counted(uint64_t count, std::string_view noun);

/// Writes the key as a reference token (RFC 6901).
std::string escape_token(std::string_view key);
/// Puts `/key` before the pointer. When that is over pointer_bytes_max it ends at a parent.
void prepend_token(std::string& pointer, std::string_view key);

} // namespace weir::schema_detail
