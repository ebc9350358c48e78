// The step split: one record for each element of an array. The steps after it run on each.
#pragma once

#include "records/transform/arguments.hpp"
#include "records/transform/step_run.hpp"

#include <optional>
#include <string>

namespace weir::steps {

struct split_step {
  field_pointer field;
  /// Absent: the element's fields are at the top level.
  std::optional<field_pointer> into;
  bool keep = false; ///< the rest of the record, in each part
  int64_t parts_max = 1000;
  int64_t bytes_max = int64_t{1} << 20; ///< all parts of a record, part_bytes in each
  when_missing missing = when_missing::skip;

  static split_step compile(step_arguments& arguments);
  /// Gets run.parts ready, of which make_part() makes one after another.
  verdict run(step_run& run) const;
  /// run.parts.text becomes the next part. next, or reject.
  verdict make_part(step_run& run) const;
  std::string describe() const;

 private:
  verdict add_element(step_run& run, const value& element) const;
  verdict add_whole(step_run& run, const value& element) const;
  verdict add_merged(step_run& run, const value& element) const;
  verdict reject_wide(step_run& run, const char* what) const;
};

} // namespace weir::steps
