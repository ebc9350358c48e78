// The step `parse` makes the text of one field fields of their own.
#pragma once

#include "records/transform/arguments.hpp"
#include "records/transform/step_run.hpp"

#include <optional>
#include <string>
#include <vector>

namespace weir::steps {

enum class text_format : uint8_t {
  combined_log,
  common_log,
  vhost_combined_log,
  vhost_common_log,
  nginx_main_log,
  key_value,
  json,
  regex
};

/// The most fields that one text may give, and that the top level may have before the merge.
inline constexpr size_t parsed_fields_max = 1024;

struct parse_step {
  struct group {
    int index = 0;
    std::string name;
  };
  field_pointer field;
  text_format as = text_format::json;
  std::optional<field_pointer> into; ///< if absent, they go into the top level
  bool keep_source = false;
  when_missing missing = when_missing::skip;
  pattern_ptr pattern; ///< for regex
  std::vector<group> groups;
  char delimiter = ' '; ///< key_value: between pairs; a space stands for any white space
  char separator = '='; ///< key_value: between key and value

  static parse_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;

 private:
  struct parsed;
  void read_pattern(step_arguments& arguments);
  void read_pair_format(step_arguments& arguments);
  verdict store(step_run& run, const parsed& result) const;
  verdict merge(step_run& run, tree_node& fields) const;
};

/// What a parser made of a text: a value, or a reason why not.
struct parse_step::parsed {
  value made;
  std::string why; ///< empty if the value was made
};

} // namespace weir::steps
