// How a function reports a failure that the data or the disk caused, not a bug.
#pragma once

#include "base/codes.hpp"

#include <tl/expected.hpp>

#include <string>
#include <utility>

namespace weir {

/// A code to react to, and a text for people: what failed, where, and what to do about it.
struct fault {
  ec code = ec::none;
  std::string text;
};

template <class T>
using result = tl::expected<T, fault>;

/// `return fail(ec::storage_failed, "…")` from any function that returns a result.
inline tl::unexpected<fault> fail(ec code, std::string text) {
  return tl::unexpected<fault>(fault{code, std::move(text)});
}

} // namespace weir
