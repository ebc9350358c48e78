#include "proto/stream_settings.hpp"

namespace weir {

std::string_view to_string(admission_policy policy) noexcept {
  switch (policy) {
  case admission_policy::wait:
    return "wait";
  case admission_policy::reject:
    return "reject";
  case admission_policy::shed:
    return "shed";
  }
  return "unknown";
}

std::string_view to_string(dead_letter_policy policy) noexcept {
  switch (policy) {
  case dead_letter_policy::discard:
    return "discard";
  case dead_letter_policy::store:
    return "store";
  }
  return "unknown";
}

} // namespace weir
