// Guesses whether a body is JSON, one value or lines of it. Log lines open with braces and
// brackets too; what was meant to be JSON counts as JSON, so that it hears what is wrong with it.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

/// The text without the white space at its front (RFC 8259 §2).
std::string_view without_space(std::string_view text) noexcept;

enum class json_shape : uint8_t { none, one_value, lines };

/// `text` has no white space at its front. `cut`: the body goes on after it.
json_shape guess_json(std::string_view text, bool cut) noexcept;

} // namespace weir
