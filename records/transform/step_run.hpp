// What a step sees of the record in hand, and how it says that it cannot be done.
#pragma once

#include "records/json/arena.hpp"
#include "records/json/text.hpp"
#include "records/transform/plan.hpp"
#include "records/transform/record_tree.hpp"

#include <string>
#include <string_view>

namespace weir::steps {

enum class verdict : uint8_t {
  next,
  drop,
  reject,
  split, ///< the parts of the record go on instead of it
};

struct split_step;

/// The array that a record is split at. One part of it at a time is made, so that a part that is
/// refused costs no room for those after it.
struct split_parts {
  const split_step* step = nullptr;
  const char* next = nullptr; ///< the next element; the array is compact JSON
  const char* end = nullptr;  ///< where the array ends
  size_t count = 0;           ///< elements
  size_t made = 0;            ///< parts so far
  size_t bytes = 0;           ///< that they have taken
  std::string text;           ///< the part in hand, with text_padding of capacity
  arena memory;               ///< for one element
  record_tree element{memory};

  static constexpr size_t parts_total_max = 10'000; ///< one record's, by all its splits
};

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
  split_parts& parts;

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
