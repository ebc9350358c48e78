// A field's name: a JSON pointer (RFC 6901), or a bare top-level name.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace weir::steps {

struct pointer_token {
  std::string name; ///< the name itself
  std::string key;  ///< the name as the inside of a JSON string
};

/// Has at least one token and at most 32. It does not change after parse().
class field_pointer {
 public:
  /// Reads `/a/b`, or `a` for `/a`. Fails with invalid_config and a text that says what to write.
  static result<field_pointer> parse(std::string_view text);

  const std::vector<pointer_token>& tokens() const noexcept { return tokens_; }
  const pointer_token& last() const noexcept { return tokens_.back(); }
  const std::string& text() const noexcept { return text_; } ///< always in pointer form
  bool nested() const noexcept { return tokens_.size() > 1; }
  bool same_parent(const field_pointer& other) const noexcept;

 private:
  std::vector<pointer_token> tokens_;
  std::string text_;
};

} // namespace weir::steps
