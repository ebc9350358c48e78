// YAML MISTAKES: what is mostly wrong with a file that is not YAML, in the words of its author. The
// parser says where it could not go on; the mistake is there or a little before.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

struct yaml_mistake {
  size_t line = 0; ///< from 0
  std::string what;
};

/// `line`: where the parser gave up, from 0. `message`: what it says about it.
yaml_mistake explain_yaml(std::string_view text, size_t line, std::string_view message);

/// What a file that is no map of keys, or is several documents, was meant to be: advice, or empty.
std::string other_language(std::string_view text);

/// True if the quote at the front of `rest` is closed somewhere after it.
bool is_closed_quote(std::string_view rest) noexcept;

/// True for `listen:127.0.0.1`, a key without the space that makes it one.
bool lacks_space_after_colon(std::string_view text) noexcept;

} // namespace weir
