#include "records/formats/kind.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace weir {

// Each is in the file of its format.
#define WEIR_BODY_FORMAT(name, number, records) extern const format_kind name##_format;
#include "proto/body_formats.def"
#undef WEIR_BODY_FORMAT

namespace {

constexpr std::array kinds{
#define WEIR_BODY_FORMAT(name, number, records) &name##_format,
#include "proto/body_formats.def"
#undef WEIR_BODY_FORMAT
};

template <class Is>
const format_kind* first(Is is) noexcept {
  const auto found =
    std::find_if(kinds.begin(), kinds.end(), [&](const auto* kind) { return is(*kind); });
  return found == kinds.end() ? nullptr : *found;
}

} // namespace

std::span<const format_kind* const> format_kinds() noexcept {
  return kinds;
}

const format_kind& kind_of(body_format format) {
  const auto* const kind = first([&](const auto& k) { return k.format == format; });
  if (!kind)
    throw std::logic_error("no body format has the number "
                           + std::to_string(static_cast<int>(format)));
  return *kind;
}

const format_kind* find_format(std::string_view name) noexcept {
  return first([&](const auto& kind) { return kind.name == name; });
}

const format_kind& last_resort() noexcept {
  return *first([](const auto& kind) { return kind.sure == certainty::none; });
}

} // namespace weir
