// Finds out what can be said only once all nodes exist: where a $ref leads, and that applying
// schemas to one value ends. A $ref may lead back to a schema above it through properties or
// items: every turn consumes a level of the record then. Without one, the turns would never
// end.
#include "records/schema/compiler.hpp"
#include "records/schema/text.hpp"

#include <algorithm>
#include <charconv>

namespace weir::schema_detail {

namespace {

/// A pointer in a fragment is percent-encoded (RFC 6901 §6). A malformed escape stays as it
/// is, and so leads nowhere.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size()
        && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

} // namespace

bool compiler::reference(std::string_view, element value, draft& to) {
  if (!value.is_string())
    return error("\"$ref\" must be a string, got " + std::string(type_name(value)));
  const std::string_view target = text_of(value);
  if (target != "#" && !target.starts_with("#/"))
    return error(
      "$ref " + quote(target)
      + " is not local; only #/$defs/… and # are supported, so copy the schema to $defs");
  references_.push_back(
    {static_cast<index>(out_.branches.size()), percent_decoded(target), path_});
  add_applicator(to, applicator::kind::reference, {none});
  return true;
}

bool compiler::resolve_references() {
  for (const pending_reference& each : references_) {
    const auto found = node_at_.find(each.target);
    if (found == node_at_.end())
      return error_at(each.pointer, "$ref " + quote(each.target) + " leads to no schema");
    out_.branches[each.branch] = found->second;
  }
  return true;
}

bool compiler::find_cycles() {
  chains_.assign(out_.nodes.size(), 0);
  for (index id = 0; id < out_.nodes.size(); ++id)
    if (chain_length(id) < 0)
      return false;
  return true;
}

int compiler::chain_length(index id) {
  if (chains_[id] > 0)
    return chains_[id];
  if (chains_[id] < 0) {
    error_at(pointer_of_[id],
             "this schema applies itself to the same value ($ref cycle): put "
             "properties or items between");
    return -1;
  }
  chains_[id] = -1;
  // While this node's mark is -1, coming back to it is a cycle.
  int longest = 0;
  const node& from = out_.nodes[id];
  for (uint32_t i = 0; i < from.applicators; ++i) {
    const applicator& op = out_.applicators[from.first_applicator + i];
    for (uint32_t j = 0; j < op.count; ++j) {
      const index next = out_.branches[op.first + j];
      const int length = next == none ? 0 : chain_length(next);
      if (length < 0)
        return -1;
      longest = std::max(longest, length);
    }
  }
  if (longest >= in_place_max) {
    error_at(pointer_of_[id],
             "more than " + std::to_string(in_place_max)
               + " schemas in a chain of $ref, allOf, anyOf, oneOf, not or if");
    return -1;
  }
  return chains_[id] = longest + 1;
}

} // namespace weir::schema_detail
