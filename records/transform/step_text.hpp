// The steps that change the text of fields: lowercase, uppercase, trim, truncate, redact and
// hash. A field that is missing or null is left alone; one that is no string rejects the record
// (hash takes any scalar).
#pragma once

#include "records/transform/arguments.hpp"
#include "records/transform/step_run.hpp"

#include <string>
#include <vector>

namespace weir::steps {

enum class letter_case : uint8_t { lower, upper };

/// Changes ASCII letters only; every other byte stays.
template <letter_case To>
struct case_step {
  std::vector<field_pointer> fields;
  static case_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};
using lowercase_step = case_step<letter_case::lower>;
using uppercase_step = case_step<letter_case::upper>;

/// Removes ASCII white space at both ends.
struct trim_step {
  std::vector<field_pointer> fields;
  static trim_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

/// Leaves at most `bytes` bytes of UTF-8 and cuts at a character.
struct truncate_step {
  std::vector<field_pointer> fields;
  size_t bytes = 0;
  static truncate_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

/// Replaces every match of the pattern by the literal text `with`.
struct redact_step {
  std::vector<field_pointer> fields;
  pattern_ptr pattern;
  std::string with;
  static redact_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

/// Replaces a field by the SHA-256 (FIPS 180-4) of the salt followed by the text, 64 lower-case
/// hex digits. The salt is a secret: neither describe() nor an error shows it.
struct hash_step {
  std::vector<field_pointer> fields;
  std::vector<field_pointer> targets; ///< a field's own name unless `to` was given
  std::string salt;
  static hash_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

} // namespace weir::steps
