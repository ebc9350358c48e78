// PROSPECTS: finds out whether any record can match a compiled schema. A schema that nothing
// matches is a mistake: every record of its stream would be refused. It says only what is
// certain: a type counts as possible until it is known that no value of it is admitted.
#pragma once

#include "records/schema/program.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace weir::schema_detail {

class prospects {
 public:
  explicit prospects(const schema::program& program)
    : program_(program), types_(program.nodes.size()), known_(program.nodes.size()),
      under_way_(program.nodes.size()) {}

  /// Says why no object matches the node; empty: one may.
  std::string why_no_record(index id);

 private:
  /// The types (bits of node::types) that values admitted by the node may have.
  uint8_t types_of(index id);
  uint8_t find_types(const node& rule);
  uint8_t types_of(const applicator& op);
  uint8_t types_surely_admitted(index id) const noexcept;
  bool admits_array(const array_rule& rule);
  bool admits_member(const object_rule& rule, std::string_view name);
  std::string why_no_object(const object_rule& rule);
  std::string why_no_record(const applicator& op);

  const schema::program& program_;
  std::vector<uint8_t> types_; ///< by node, valid where known_ is set
  std::vector<bool> known_;
  std::vector<bool> under_way_; ///< a schema may contain itself
  unsigned depth_ = 0;
};

} // namespace weir::schema_detail
