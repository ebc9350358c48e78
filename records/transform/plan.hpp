// PLAN: a stream's ordered transform steps, compiled once at start from
// their configuration.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "proto/batch.hpp"
#include "records/json/outline.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace weir {

/// What a step may know of a record beside its text.
struct record_context {
  std::string_view stream;
  std::string_view client;
  int64_t received_at_us = 0;
  /// Bytes that its parts may take, see plan::parts_room(); one that does not split needs none.
  size_t parts_room = SIZE_MAX;
};

/// A part takes its text, and this: its place, its length and what a sink puts beside it.
inline constexpr size_t part_bytes = 64;
/// A frame of the journal takes 16 MiB, and a batch has other records too.
inline constexpr size_t parts_room_max = size_t{12} << 20;

/// What became of one record.
struct transform_outcome {
  enum class kind : uint8_t { kept, dropped, rejected } what = kind::kept;
  std::string pointer; ///< rejected: the field the step could not work on
  std::string detail;  ///< rejected: step number, step name, reason
  /// kept, and split: where in `out` each part ends. Else empty. The scratch's.
  std::span<const size_t> ends = {};
};

/// Reused between records of one worker: parser, arena, random source. One thread.
class plan_scratch;
struct plan_scratch_deleter {
  void operator()(plan_scratch* scratch) const noexcept;
};
using plan_scratch_ptr = std::unique_ptr<plan_scratch, plan_scratch_deleter>;
plan_scratch_ptr make_plan_scratch(uint64_t seed);

struct plan_options {
  bool fault_injection = false; ///< without it the step `fault` is an error
  /// In place of `where`, for the errors of each step; may have fewer.
  std::vector<std::string> step_places = {};
};

class plan {
 public:
  /// `steps` is the JSON form of the configuration's list: each entry is an object with
  /// one key that names the step (its value holds the arguments) and optionally `when`.
  /// `where` names the place in the configuration for errors (file:
  /// streams.web.transform), which add the step's index and key. Failure: invalid_config.
  static result<std::shared_ptr<const plan>>
  compile(const nlohmann::json& steps, std::string_view where, plan_options options);
  ~plan();

  bool empty() const noexcept; ///< no steps: the record goes through unchanged
  /// Steps `split`.
  size_t splits() const noexcept;
  /// Bytes that all records of a batch whose body has `bytes` may be split into; 0 when no step
  /// splits. Whoever lets the body in has to charge them.
  size_t parts_room(size_t bytes) const noexcept;
  /// One line per compiled step, for `weir check`.
  std::vector<std::string> describe() const;

  /// Runs the steps on `record` (one JSON object with text_padding readable bytes behind
  /// it) and appends the result to `out` when kept; `out` is as before otherwise. Any
  /// thread; the scratch is the caller's own. With `tokens` of the record, which change
  /// nothing of the result, it is not read again.
  transform_outcome run(std::string_view record, const record_context& context,
                        plan_scratch& scratch, std::string& out,
                        const record_tokens& tokens = {}) const;

  struct program;

 private:
  explicit plan(std::unique_ptr<const program> compiled);
  std::unique_ptr<const program> program_;
};

} // namespace weir
