// A container that a parser of the step `parse` fills, and the access log parser that does so.
#pragma once

#include "records/transform/access_log.hpp"
#include "records/transform/step_run.hpp"

#include <string_view>

namespace weir::steps {

/// Collects fields. Their names and texts must live as long as the record.
class parsed_fields {
 public:
  explicit parsed_fields(step_run& run)
    : run_(run), node_(new (run.memory.array<tree_node>(1)) tree_node) {}

  void add(std::string_view name, const value& v) {
    field& f = node_->append(run_.memory);
    f.name = name;
    f.key = escape(name, run_.memory);
    f.held = v;
  }
  void add_text(std::string_view name, std::string_view text) {
    add(name, run_.tree.string_of(text));
  }
  size_t size() const noexcept { return node_->size(); }
  tree_node* node() const noexcept { return node_; }

 private:
  step_run& run_;
  tree_node* node_;
};

/// `node` is null when the text does not have the format; `why` says what is wrong then.
struct parsed_text {
  tree_node* node = nullptr;
  const char* why = nullptr;
};

/// Reads the fields of one access log line, each with its type: see docs/transform.md.
parsed_text read_access_log(std::string_view line, log_layout layout, step_run& run);

} // namespace weir::steps
