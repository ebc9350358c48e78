// ARGUMENTS: reads one step's configuration. It keeps the first complaint, and what is wrong
// answers with a default, so a step's compile function reads straight down and needs few checks.
#pragma once

#include "records/transform/pointer.hpp"

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace re2 {
class RE2;
}

namespace weir::steps {

using config_value = nlohmann::json;
using pattern_ptr = std::shared_ptr<const re2::RE2>;

class step_arguments {
 public:
  explicit step_arguments(const config_value& value) : value_(value) {}

  bool failed() const noexcept { return !complaint_.empty(); }
  const std::string& complaint() const noexcept { return complaint_; }
  void fail(std::string text);

  const config_value& value() const noexcept { return value_; }
  /// The argument, null when it is absent.
  const config_value* find(std::string_view key) const;

  /// Complains unless the arguments are a mapping with no other keys than these.
  bool mapping(std::initializer_list<std::string_view> allowed) {
    return mapping(value_, allowed);
  }
  bool mapping(const config_value& value,
               std::initializer_list<std::string_view> allowed);

  field_pointer pointer(const config_value& text);
  field_pointer field(std::string_view key); ///< must be there
  field_pointer field_or(std::string_view key, const field_pointer& otherwise);
  std::vector<field_pointer> pointers(const config_value& list);
  /// Reads `field: a` or `fields: [a, b]`.
  std::vector<field_pointer> fields();
  std::string text(std::string_view key); ///< must be there
  std::string text_or(std::string_view key, std::string_view otherwise);
  std::vector<std::string> texts(const config_value& list, std::string_view key);
  bool flag_or(std::string_view key, bool otherwise);
  int64_t integer(std::string_view key, int64_t least, int64_t most); ///< must be there
  /// Writes any JSON value of at most 32 levels as compact JSON.
  std::string literal(const config_value& value);
  /// Compiles a pattern (RE2, UTF-8), which must be without \C: that could cut a character.
  pattern_ptr pattern_of(const config_value& text);
  pattern_ptr pattern(std::string_view key); ///< must be there

 private:
  const config_value* need(std::string_view key);

  const config_value& value_;
  std::string complaint_;
};

/// Writes `a, b, c`.
std::string listed(std::initializer_list<std::string_view> names);
std::string listed(const std::vector<field_pointer>& pointers);
std::string listed(const std::vector<std::string>& texts); ///< each in quotes

} // namespace weir::steps
