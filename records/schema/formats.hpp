// FORMATS: checks the values of `format` that we assert, each in one pass over the text without
// allocation.
#pragma once

#include <optional>
#include <string_view>

namespace weir::schema_detail {

using format_check = bool (*)(std::string_view) noexcept;

struct format {
  std::string_view name;
  format_check accepts;
  std::string_view meaning; ///< what the detail of a violation calls it
};

/// Null for a name we do not assert.
const format* find_format(std::string_view name) noexcept;
/// Lists them for errors: `date-time, date, …`.
std::string_view format_names() noexcept;

bool is_date(std::string_view text) noexcept; ///< RFC 3339 full-date, real days only
/// RFC 3339 full-time; it must have an offset
bool is_time(std::string_view text) noexcept;
/// RFC 3339; second 60 only at 23:59 UTC
bool is_date_time(std::string_view text) noexcept;
bool is_email(std::string_view text) noexcept; ///< RFC 5321 Mailbox, ASCII
bool is_ipv4(std::string_view text) noexcept;  ///< dotted quad without leading zeros
bool is_ipv6(std::string_view text) noexcept;  ///< RFC 4291 §2.2, no zone
bool is_uuid(std::string_view text) noexcept;  ///< RFC 4122 text form, either case
bool is_uri(std::string_view text) noexcept;   ///< RFC 3986 with a scheme
/// RFC 1123, labels of 1 to 63, at most 253
bool is_hostname(std::string_view text) noexcept;

} // namespace weir::schema_detail
