// PATTERN: one regular expression of a schema. RE2 decides what is valid and what it means,
// except for `\s` and `\S`, which are ECMA-262's white space. Plain ones, which are most, are
// matched without RE2, because it costs 100 ns and a lock per match.
//
//   substring   a literal without anchors
//   words       ^(?:GET|POST)$
//   runs        ^, then literals and character classes, each with a quantifier, groups only
//               with a fixed count, then $ or not; and only if being greedy is never wrong:
//               what may follow a class of variable length can't begin with a member of it
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

/// A run matches `min` to `max` bytes out of one set, as many as there are.
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
  bool to_end = false; ///< for runs: the pattern ends in $
};

/// Spells out `\s` and `\S` in `regex`, for RE2.
std::string with_ecma_spaces(std::string_view regex);
/// How many bytes the white space beyond ASCII has with which `text` (valid UTF-8) begins; 0:
/// it begins with none.
size_t space_bytes(std::string_view text) noexcept;

/// Null when `regex` (which RE2 accepts) is not of a plain kind. A plain pattern matches the
/// same valid UTF-8 texts as RE2 does.
std::unique_ptr<plain_pattern> parse_plain(std::string_view regex);

class pattern {
 public:
  static constexpr int64_t regex_bytes_max = 512 << 10; ///< one RE2 with its DFA cache

  /// Fails with the reason why RE2 refuses `regex`.
  static result<pattern> compile(std::string_view regex, bool allow_plain = true);
  pattern(pattern&&) noexcept;
  pattern& operator=(pattern&&) noexcept;
  ~pattern();

  /// True if the pattern matches somewhere in `text`, which must be valid UTF-8. Any thread may
  /// call it.
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
