// ELEMENT: takes simdjson's element as the type that the caller has just seen it to be. The
// functions return by value: the result of a `get` is a temporary that a range-for would
// outlive.
#pragma once

#include <string_view>

#include <simdjson.h>

namespace weir::schema_detail {

inline std::string_view text_of(simdjson::dom::element value) noexcept {
  std::string_view out;
  [[maybe_unused]] const auto code = value.get_string().get(out);
  return out;
}

inline bool truth_of(simdjson::dom::element value) noexcept {
  bool out = false;
  [[maybe_unused]] const auto code = value.get_bool().get(out);
  return out;
}

inline simdjson::dom::array items_of(simdjson::dom::element value) noexcept {
  simdjson::dom::array out;
  [[maybe_unused]] const auto code = value.get_array().get(out);
  return out;
}

inline simdjson::dom::object members_of(simdjson::dom::element value) noexcept {
  simdjson::dom::object out;
  [[maybe_unused]] const auto code = value.get_object().get(out);
  return out;
}

} // namespace weir::schema_detail
