#include "records/json_limits.hpp"

namespace weir {

namespace {

// Behind the string whose opening quote is at `at`.
size_t behind_string(std::string_view json, size_t at) noexcept {
  for (++at; at < json.size() && json[at] != '"'; ++at)
    at += json[at] == '\\' ? 1 : 0;
  return at + 1;
}

} // namespace

bool nests_deeper(std::string_view json, size_t levels) noexcept {
  size_t open = 0;
  for (size_t at = 0; at < json.size();) {
    const char c = json[at];
    if (c == '"') {
      at = behind_string(json, at);
      continue;
    }
    if ((c == '{' || c == '[') && ++open > levels)
      return true;
    open -= (c == '}' || c == ']') && open > 0 ? 1 : 0;
    ++at;
  }
  return false;
}

} // namespace weir
