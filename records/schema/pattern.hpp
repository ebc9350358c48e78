// PATTERN: one regular expression of a schema. RE2 decides what is valid and what it means, but
// for `\s` and `\S`, which are ECMA-262's white space. The plain ones, which are most, are
// matched without it: RE2 costs 100 ns and a lock per match.
//
//   substring   a literal without anchors
//   words       ^(?:GET|POST)$
//   runs        ^ then literals and character classes, each with a quantifier, groups
//               only with a fixed count, optionally $; and only if being greedy is never
//               wrong: what may follow a class of variable length can't begin with a
//               member of it
#pragma once

#include "base/result.hpp"
#include "records/schema/names.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace weir::schema_detail {

using byte_set = std::array<bool, 256>;

/// `min` to `max` bytes out of one set, as many as there are.
struct byte_run {
  static constexpr uint32_t unbounded = UINT32_MAX;
  byte_set set{};
  bool no_spaces = false; ///< white space beyond ASCII is not in the set
  uint32_t min = 1;
  uint32_t max = 1;
};

struct plain_pattern {
  enum class kind : uint8_t { substring, words, runs } what = kind::runs;
  std::string literal;
  name_table words;
  std::vector<byte_run> runs;
  bool to_end = false; ///< runs: ends in $
};

/// `regex` for RE2, with `\s` and `\S` spelled out.
std::string with_ecma_spaces(std::string_view regex);
/// How long the white space beyond ASCII is that `text` (valid UTF-8) begins with; 0: there is
/// none.
size_t space_bytes(std::string_view text) noexcept;

/// Null when `regex` (which RE2 accepts) is not one of the plain kinds. Exact: a plain
/// pattern matches the same valid UTF-8 texts as RE2 does.
std::unique_ptr<plain_pattern> parse_plain(std::string_view regex);

class pattern {
 public:
  static constexpr int64_t regex_bytes_max = 512 << 10; ///< of one RE2 with its DFA cache

  /// Failure: why RE2 refuses it.
  static result<pattern> compile(std::string_view regex, bool allow_plain = true);
  pattern(pattern&&) noexcept;
  pattern& operator=(pattern&&) noexcept;
  ~pattern();

  /// Unanchored; `text` is valid UTF-8. Any thread.
  bool matches(std::string_view text) const;
  const std::string& source() const noexcept { return source_; }
  bool needs_regex() const noexcept { return plain_ == nullptr; }

 private:
  pattern() noexcept;

  std::string source_;
  std::unique_ptr<const plain_pattern> plain_;
  std::unique_ptr<const re2::RE2> regex_;
};

} // namespace weir::schema_detail
