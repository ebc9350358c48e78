// What the fuzz targets share: a property that does not hold ends the run with its place.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#define WEIR_HOLDS(property)                                                             \
  do {                                                                                   \
    if (!(property)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #property); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

namespace weir::fuzz {

/// The input: its first bytes choose limits and piece sizes, the rest is the body.
class input {
 public:
  input(const uint8_t* data, size_t size)
    : left_(reinterpret_cast<const char*>(data), size) {}

  /// 0 when the input is used up.
  uint8_t byte() noexcept {
    if (left_.empty())
      return 0;
    const auto value = static_cast<uint8_t>(left_.front());
    left_.remove_prefix(1);
    return value;
  }
  std::string_view rest() const noexcept { return left_; }

 private:
  std::string_view left_;
};

} // namespace weir::fuzz
