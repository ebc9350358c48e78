// What a step sees of the record in hand, and how it says that it cannot be done.
#pragma once

#include "records/plan.hpp"
#include "records/plan_arena.hpp"
#include "records/plan_text.hpp"
#include "records/record_tree.hpp"

#include <string>
#include <string_view>

namespace weir::steps {

enum class verdict : uint8_t { next, drop, reject };

/// What to do when the field is absent or null.
enum class when_missing : uint8_t { skip, reject };

struct step_run {
  record_tree& tree;
  arena& memory;
  const record_context& context;
  random_source& chance;
  /// any step's own, between two calls worthless; keeps its capacity
  std::string& buffer;
  transform_outcome& outcome;

  /// The step cannot be done because of `at`. The plan puts the step's name before `why`.
  verdict reject(const field_pointer& at, std::string why) {
    outcome.what = transform_outcome::kind::rejected;
    outcome.pointer = at.text();
    outcome.detail = std::move(why);
    return verdict::reject;
  }
  verdict reject_missing(const field_pointer& at) {
    return reject(at, "the field is missing");
  }
  /// put(), and the rejection when it has no place.
  verdict put(const field_pointer& at, const value& v) {
    return tree.put(at, v) ? verdict::next : reject_blocked(at);
  }
  verdict reject_blocked(const field_pointer& at) {
    return reject(
      at, "has no place: something on the way is not an object, or an array has no "
          "such element");
  }
};

/// `"abc"` or `[1,2]` for an error text: at most echo_bytes_max bytes of data.
inline std::string echo(const value& v, step_run& run) {
  const auto text = run.tree.text_of(v);
  if (v.is_string())
    return echo(text);
  const auto head = clip(text, echo_bytes_max);
  return std::string(head) + (head.size() < text.size() ? "…" : "");
}

} // namespace weir::steps
