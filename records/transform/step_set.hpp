// The steps that give a field a value: set (a literal or a template), default and add.
#pragma once

#include "records/transform/arguments.hpp"
#include "records/transform/step_run.hpp"

#include <optional>
#include <string>
#include <vector>

namespace weir::steps {

/// A text with fields in braces: `{host}-{/user/id}`; `{{` and `}}` are braces.
class text_template {
 public:
  static text_template parse(std::string_view text, step_arguments& arguments);
  /// Writes the text to run.buffer. Missing, null and nested fields reject the record.
  verdict render(step_run& run) const;

 private:
  struct piece {
    std::string literal; ///< the text before the field
    std::optional<field_pointer> field;
  };
  std::vector<piece> pieces_;
};

/// Makes the field, and objects on the way to it; replaces what was there.
struct set_step {
  field_pointer field;
  std::string literal; ///< compact JSON; empty when there is a template
  std::string source;  ///< the template as it was configured
  text_template text;
  static set_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

/// Does what set does, but only when the field is missing or null.
struct default_step {
  field_pointer field;
  std::string literal;
  static default_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

/// Adds what the server knows about the record: when it came, for which stream, from whom.
struct add_step {
  std::optional<field_pointer> received_at;
  std::optional<field_pointer> stream;
  std::optional<field_pointer> client;
  static add_step compile(step_arguments& arguments);
  verdict run(step_run& run) const;
  std::string describe() const;
};

/// The value that a compact JSON text stands for. The text must be in the arena: it may be
/// opened.
value literal_value(std::string_view json) noexcept;

} // namespace weir::steps
