// REQUEST HEAD: request line and header fields, checked more strictly than HTTP asks for:
// what two parsers could read differently (CL with TE, two lengths, folded lines, bare
// LF, NUL) is refused, so nothing can be smuggled past a proxy. Beast's parser does the
// grammar; it stays in the .cpp.
#pragma once

#include "base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

/// True if equal except for the case of ASCII letters.
bool same_text(std::string_view a, std::string_view b) noexcept;
/// The text without leading and trailing spaces and tabs.
std::string_view trimmed(std::string_view text) noexcept;
/// Takes the next item off a comma-separated list (RFC 9110 §5.6.1), trimmed; empty items are
/// skipped. A quoted string is one value whatever is in it; one that is not closed goes to the
/// list's end. Nothing: the list is at its end.
std::optional<std::string_view> take_list_item(std::string_view& list) noexcept;
/// True if `list` has the item `token`, whatever its case and parameters. An item with a value
/// (`token=x`) is another one.
bool list_has(std::string_view list, std::string_view token) noexcept;

struct header_field {
  std::string_view name;
  std::string_view value;
};

/// Views into the text it was parsed from, except a path that had to be decoded.
struct request_head {
  /// There is room for these; the configuration usually allows fewer.
  static constexpr size_t fields_max = 1024;

  std::string_view method;
  std::string_view path;  ///< the target up to a `?`; `*` for OPTIONS
  std::string_view query; ///< what follows the `?`, as it came
  int version = 11;       ///< 10 or 11
  bool keep_alive = true; ///< the client would send more on this connection
  bool chunked = false;
  std::optional<uint64_t> content_length;
  std::array<header_field, fields_max> fields;
  size_t field_count = 0;
  std::string plain_path; ///< holds `path` if it came with %61 for `a`

  /// The first field of that name.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  size_t count(std::string_view name) const noexcept;
  bool has_body() const noexcept { return chunked || content_length.value_or(0) > 0; }
};

/// Looks for the end of a head that arrives in pieces, and refuses early what can't be one.
class head_scanner {
 public:
  static constexpr size_t bytes_usual = size_t{16} << 10;

  explicit head_scanner(size_t bytes_max = bytes_usual) : bytes_max_(bytes_max) {}
  size_t bytes_max() const noexcept { return bytes_max_; }

  /// `bytes` is everything since reset(). The head's length with its empty line, or 0
  /// when more must come. Fails with malformed_request (NUL, bare CR or LF, folded line)
  /// or head_too_large.
  result<size_t> find_end(std::string_view bytes);
  void reset() noexcept { scanned_ = 0; }

 private:
  size_t bytes_max_;
  size_t scanned_ = 0; ///< bytes that were checked and are in order
};

/// `text` is one head that find_end() has accepted. Fails with malformed_request or
/// head_too_large (over `fields_max`, which is at most request_head::fields_max).
result<void> parse_head(std::string_view text, request_head& out, size_t fields_max = 64);

} // namespace weir
