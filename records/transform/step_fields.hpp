// Steps that move whole fields: rename, copy, remove, keep.
#pragma once

#include "records/transform/arguments.hpp"
#include "records/transform/step_run.hpp"

#include <string>
#include <utility>
#include <vector>

namespace weir::steps {

using field_pairs = std::vector<std::pair<field_pointer, field_pointer>>;

/// Renames fields. A missing field is left alone; a field that has the new name is replaced.
struct rename_step {
  field_pairs pairs;
  static rename_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

/// Does what rename does, but the field stays.
struct copy_step {
  field_pairs pairs;
  static copy_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

struct remove_step {
  std::vector<field_pointer> fields;
  static remove_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

/// Removes everything else. The parents of a nested name stay, with only what was named in
/// them.
struct keep_step {
  struct branch {
    std::string name;
    std::vector<branch> children; ///< if empty, the whole value stays
  };
  std::vector<field_pointer> fields;
  std::vector<branch> tree;
  static keep_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

} // namespace weir::steps
