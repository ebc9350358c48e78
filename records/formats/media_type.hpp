// MEDIA TYPE: what a Content-Type says about a body, and what our own clients say of theirs.
#pragma once

#include "base/result.hpp"
#include "records/formats/kind.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

struct media_type {
  body_format format = body_format::ndjson;
  std::optional<char> csv_delimiter; ///< `delimiter=`, or the tab of tab-separated-values
  std::optional<bool> csv_header;    ///< `header=`: present or absent (RFC 4180 §3)
  /// The dialect of the body: `of_stream`'s where the Content-Type says nothing.
  csv_dialect dialect(csv_dialect of_stream) const noexcept;
};

/// Reads a Content-Type (RFC 9110 §8.3; unknown parameters are ignored). It fails with
/// unsupported_media_type.
result<media_type>
media_type_of(std::string_view content_type,
              std::span<const format_kind* const> kinds = format_kinds());

/// Writes what media_type_of() reads, for our own clients: `text/csv; header=present;
/// delimiter=";"`.
std::string content_type_of(body_format format, std::optional<csv_dialect> dialect = {});

/// What to say in place of a type that nobody reads: the formats most have at hand.
inline constexpr std::string_view send_known_type =
  "send application/json, application/x-ndjson, text/csv or text/plain";

/// True for the type that curl, wget and urllib name for whatever they send: it says nothing.
bool is_form_type(std::string_view content_type);
/// True if a body that is said to be a form is one: a line of `name=value&…`, encoded.
bool looks_like_form(std::string_view head);

} // namespace weir
