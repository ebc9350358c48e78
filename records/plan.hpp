// PLAN: a stream's ordered transform steps, compiled once at start from
// their configuration.
#pragma once

#include "proto/batch.hpp"
#include "proto/clock.hpp"
#include "proto/result.hpp"
#include "records/outline.hpp"

#include <cstdint>
#include <memory>
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
};

/// What became of one record.
struct transform_outcome {
  enum class kind : uint8_t { kept, dropped, rejected } what = kind::kept;
  std::string pointer; ///< rejected: the field the step could not work on
  std::string detail;  ///< rejected: step number, step name, reason
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
