#include "base/text.hpp"

#include <simdjson.h>

namespace weir {

bool is_utf8(std::string_view text) noexcept {
  return text.empty() || simdjson::validate_utf8(text.data(), text.size());
}

} // namespace weir
