#include "records/schema/compiler.hpp"
#include "records/schema/text.hpp"

namespace weir::schema_detail {

compiler::place::place(compiler& owner, std::string_view token)
  : path_(owner.path_), size_(owner.path_.size()) {
  path_ += '/';
  path_ += escape_token(token);
}

result<void> compiler::run(element root) {
  if (!subschema(root, 0, out_.root) || !resolve_references() || !find_cycles())
    return fail(ec::invalid_config, std::move(error_));
  return {};
}

bool compiler::error(std::string_view what) {
  return error_at(path_, what);
}

bool compiler::error_at(std::string_view pointer, std::string_view what) {
  const std::string shown = quote(pointer, pointer_bytes_max);
  error_.assign(file_)
    .append(": ")
    .append(shown, 1, shown.size() - 2)
    .append(": ")
    .append(what);
  return false;
}

bool compiler::subschema(element given, int depth, index& id) {
  if (depth > schema_depth_max)
    return error("schemas are nested deeper than " + std::to_string(schema_depth_max)
                 + "; move inner ones to $defs and use $ref");
  if (out_.nodes.size() == nodes_max)
    return error("more than " + std::to_string(nodes_max)
                 + " subschemas; split the schema");
  if (!given.is_bool() && !given.is_object())
    return error("expected a schema (an object, true or false), got "
                 + std::string(type_name(given)));
  id = static_cast<index>(out_.nodes.size());
  out_.nodes.emplace_back();
  node_at_.emplace(path_, id);
  pointer_of_.push_back(path_);
  if (given.is_bool()) {
    out_.nodes[id].never = !truth_of(given);
    out_.nodes[id].types = out_.nodes[id].never ? 0 : type_any;
    return true;
  }
  draft made;
  // Subschemas are compiled meanwhile and move out_.nodes: finish() stores the node by its id.
  made.id = id;
  made.depth = depth;
  made.source = members_of(given);
  if (!members(made))
    return false;
  finish(made);
  return true;
}

bool compiler::members(draft& to) {
  for (const auto [name, value] : to.source)
    if (!member(name, value, to))
      return false;
  return true;
}

bool compiler::member(std::string_view name, element value, draft& to) {
  const place here(*this, name);
  size_t times = 0;
  for (auto at = to.source.begin(); at != to.source.end(); ++at)
    times += at.key_equals(name);
  if (times > 1)
    return error("keyword " + quote(name) + " occurs twice in one schema");
  const keyword_entry* const known = find_keyword(name);
  if (!known)
    return error("keyword " + quote(name) + " is not supported" + suggestion(name));
  return (this->*known->read)(name, value, to);
}

void compiler::finish(draft& to) {
  const auto store = [](bool has, auto& rules, auto& rule, index& at) {
    if (!has)
      return;
    at = static_cast<index>(rules.size());
    rules.push_back(std::move(rule));
  };
  if (to.has_object)
    finish_object(to);
  store(to.has_object, out_.objects, to.object, to.made.object);
  store(to.has_array, out_.arrays, to.array, to.made.array);
  store(to.has_text, out_.texts, to.text, to.made.text);
  store(to.has_number, out_.numbers, to.number, to.made.number);
  to.made.first_applicator = static_cast<index>(out_.applicators.size());
  // Each keyword adds one at most, so 16 bits are plenty.
  to.made.applicators = static_cast<uint16_t>(to.applicators.size());
  out_.applicators.insert(out_.applicators.end(), to.applicators.begin(),
                          to.applicators.end());
  out_.nodes[to.id] = to.made;
}

/// Puts the required names first, in order: their place in the table is their bit.
void compiler::finish_object(draft& to) {
  std::map<std::string_view, index> nodes;
  for (const auto& [name, id] : to.properties)
    nodes.emplace(name, id);
  std::vector<std::string> all = to.required;
  for (const std::string& name : to.required) {
    const size_t at = to.object.properties.size();
    // Names past the 64th have no bit: more_required() looks for them.
    const uint64_t bit = at < 64 ? uint64_t{1} << at : 0;
    const auto found = nodes.find(name);
    to.object.properties.push_back({found == nodes.end() ? none : found->second, bit});
    to.object.required |= bit;
    nodes.erase(name);
  }
  for (const auto& [name, id] : to.properties)
    if (nodes.contains(name)) {
      all.push_back(name);
      to.object.properties.push_back({id, 0});
    }
  to.object.required_names = std::move(to.required);
  to.object.names = name_table(std::move(all));
}

} // namespace weir::schema_detail
