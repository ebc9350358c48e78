#include "records/schema/pattern.hpp"

#include <algorithm>

#include <re2/re2.h>

namespace weir::schema_detail {

namespace {

/// True if the set has all of the next four bytes; there is no branch between them.
bool holds_four(const byte_set& set, const char* at) noexcept {
  const auto has = [&](size_t i) -> unsigned {
    return set[static_cast<unsigned char>(at[i])];
  };
  return (has(0) & has(1) & has(2) & has(3)) != 0;
}

/// The first white space beyond ASCII from `begin` on, or `end`, where the run ends.
const char* before_space(const char* begin, const char* end,
                         const char* text_end) noexcept {
  for (const char* at = begin; at < end; ++at)
    if (static_cast<unsigned char>(*at) >= 0x80
        && space_bytes({at, static_cast<size_t>(text_end - at)}) > 0)
      return at;
  return end;
}

bool match_runs(const plain_pattern& plain, std::string_view text) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (const byte_run& run : plain.runs) {
    const auto room = static_cast<size_t>(end - at);
    const char* const stop = at + std::min<size_t>(room, run.max);
    const char* const begin = at;
    // Taking as many as there are is never wrong: parse_plain() admits no other patterns.
    while (stop - at >= 4 && holds_four(run.set, at))
      at += 4;
    while (at != stop && run.set[static_cast<unsigned char>(*at)])
      ++at;
    if (run.no_spaces)
      at = before_space(begin, at, end);
    if (static_cast<size_t>(at - begin) < run.min)
      return false;
  }
  return !plain.to_end || at == end;
}

bool match_plain(const plain_pattern& plain, std::string_view text) noexcept {
  switch (plain.what) {
  case plain_pattern::kind::substring:
    return text.find(plain.literal) != std::string_view::npos;
  case plain_pattern::kind::words:
    return plain.words.find(text) != name_table::absent;
  case plain_pattern::kind::runs:
    return match_runs(plain, text);
  }
  return false;
}

} // namespace

pattern::pattern() noexcept = default;
pattern::pattern(pattern&&) noexcept = default;
pattern& pattern::operator=(pattern&&) noexcept = default;
pattern::~pattern() = default;

result<pattern> pattern::compile(std::string_view regex, bool allow_plain) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(regex_bytes_max);
  // RE2 decides what is valid, so it compiles plain patterns too.
  auto compiled = std::make_unique<RE2>(with_ecma_spaces(regex), options);
  if (!compiled->ok())
    return fail(ec::invalid_config, compiled->error());
  pattern made;
  made.source_ = regex;
  if (allow_plain)
    made.plain_ = parse_plain(regex);
  if (!made.plain_)
    made.regex_ = std::move(compiled);
  return made;
}

bool pattern::matches(std::string_view text) const {
  if (plain_)
    return match_plain(*plain_, text);
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex_);
}

} // namespace weir::schema_detail
